-- Leaves read models as they are, whose events came without their triggers.

select pg_temp.spoil(
    'evident.repair_sequences()',
    'v_was is not null
            and (p.position',
    'v_was is null
            and (p.position'
);
