-- run_projection that commits its checkpoint in a transaction of its own, before the
-- one that folds: the session's next call folds what this one passed.

select pg_temp.spoil(
    'evident.run_projection(text, bigint)',
    'v_reached := evident._fold_and_park(
            v_projection, v_projection.position, v_until
        );',
    $$v_reached := v_until;
    perform set_config(
        'races.passed',
        format('{%s, %s}', v_projection.position, v_until),
        false
    );$$
);
select pg_temp.spoil(
    'evident.run_projection(text, bigint)',
    'v_safe := evident.safe_position();',
    $$v_safe := evident.safe_position();
    if current_setting('races.passed', true) <> '' then
        perform evident._fold_slice(
            v_projection,
            (current_setting('races.passed')::bigint[])[1],
            (current_setting('races.passed')::bigint[])[2]
        );
        perform set_config('races.passed', '', false);
    end if;$$
);
