-- shop.account_balance: one row per account: the balance, and as of which version.
--
-- Synchronous, since commands decide on it: see shop.withdraw. They expect the
-- version that stands beside the balance, so every type of event that an account may
-- have is listed here, also one that leaves the balance alone: otherwise the version
-- would stay behind the account's.
--
-- Money is not guessed at. A deposit or withdrawal without an amount above 0 is an
-- error, and the append that brings it is refused.
--
-- Events: AccountOpened, MoneyDeposited, MoneyWithdrawn
-- Errors: PT400

create or replace function shop.apply_account_balance(
    p_row shop.account_balance,
    p_event evident.event_store
)
returns shop.account_balance
language plpgsql
immutable
parallel safe
as $function$
declare
    v_amount constant numeric := case p_event.event_type
        when 'AccountOpened' then 0
        else (p_event.payload ->> 'amount')::numeric
    end;
begin
    if p_event.event_type <> 'AccountOpened'
        and (v_amount > 0 and v_amount < 'infinity') is not true
    then
        raise exception using
            errcode = 'PT400',
            message = format('%s without an amount above 0', p_event.event_type),
            detail = jsonb_build_object(
                'argument', 'p_payload', 'reason', 'no amount above 0'
            )::text;
    end if;

    p_row.balance := coalesce(p_row.balance, 0) + case p_event.event_type
        when 'MoneyWithdrawn' then -v_amount
        else v_amount
    end;
    p_row.version := p_event.version;
    p_row.updated_at := p_event.occurred_at;
    return p_row;
end;
$function$;

comment on function
shop.apply_account_balance(shop.account_balance, evident.event_store) is
'The fold step of shop.account_balance: row so far + event = next row. Errors: PT400 a
movement without an amount above 0.';

revoke all on function
shop.apply_account_balance(shop.account_balance, evident.event_store) from public;

do $do$
begin
    perform evident.create_projection(
        'shop.account_balance',
        'shop.apply_account_balance(shop.account_balance, evident.event_store)',
        array['AccountOpened', 'MoneyDeposited', 'MoneyWithdrawn']
    );
end;
$do$;
