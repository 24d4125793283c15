-- shop.withdraw: take money from an account, but not more than there is.
--
-- A command, as an example of "decide, then append":
-- 1. Read what the decision needs, and the version it was read at: one row.
-- 2. Decide. Here: refuse an overdraft.
-- 3. Append, and expect that version. Whoever was quicker has made another version of
--    the account; the append is then refused with PT409, and no decision stands
--    on a balance that is gone. While the projection is paused its rows are old, and
--    the commands are refused in the same way.
--
-- No lock, and no loop: after PT409 the caller calls again, and everything is
-- decided anew. A loop in here would need a block with an exception handler, and be
-- blind at REPEATABLE READ; the caller knows better how long a customer waits. Of
-- several callers at once one always succeeds, so they come to an end.
--
-- With p_event_id a repeated request takes the money once, also when it was the last
-- money: what is stored already is not decided again.
--
-- Runs with the caller's rights: evident_reader to read, evident_writer to append.
--
-- Errors: PT400, PT402, PT404, PT409, PT422

create or replace function shop.withdraw(
    p_account_id uuid,
    p_amount numeric,
    p_event_id uuid default null
)
returns bigint
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_account shop.account_balance;
begin
    if (p_amount > 0 and p_amount < 'infinity') is not true then
        raise exception using
            errcode = 'PT400',
            message = 'invalid argument p_amount: not above 0',
            detail = jsonb_build_object(
                'argument', 'p_amount', 'reason', 'not above 0'
            )::text,
            hint = 'withdraw an amount above 0';
    end if;

    select b.*
    into v_account
    from shop.account_balance as b
    where b.aggregate_id = p_account_id;

    if not found then
        raise exception using
            errcode = 'PT404',
            message = format('account %s does not exist', p_account_id),
            detail = jsonb_build_object('account_id', p_account_id)::text,
            hint = 'append AccountOpened first';
    end if;

    if v_account.balance < p_amount
        and not exists (
            select
            from evident.event_store as e
            where e.event_id = p_event_id
        )
    then
        raise exception using
            errcode = 'PT402',
            message = format(
                'account %s has %s, which does not cover %s',
                p_account_id, v_account.balance, p_amount
            ),
            detail = jsonb_build_object(
                'account_id', p_account_id,
                'balance', v_account.balance,
                'amount', p_amount
            )::text,
            hint = 'withdraw less, or deposit first';
    end if;

    return evident.append_event(
        p_account_id,
        'MoneyWithdrawn',
        jsonb_build_object('amount', p_amount),
        v_account.version,
        p_event_id => p_event_id
    );
end;
$function$;

comment on function shop.withdraw(uuid, numeric, uuid) is
'Takes p_amount from an account and gives the account''s new version. p_event_id:
identity of the request, as for evident.append_event. Errors: PT400 invalid amount,
PT402 the balance does not cover it, PT404 no such account, PT409 somebody was quicker:
call again, PT422 event_id used for other content.';

revoke all on function shop.withdraw(uuid, numeric, uuid) from public;
grant execute on function shop.withdraw(uuid, numeric, uuid) to evident_writer;
