// Uses the store from another language, with nothing but its SQL functions.
// Prints one JSON document that tests/commands/test_other_language.py looks at.
import pg from "pg";

const order = "01900000-0000-7000-8000-00000000beef";
const client = new pg.Client(JSON.parse(process.env.EVIDENT_NODE_CLIENT));
await client.connect();

const append = (type, payload, expected) =>
  client.query("select evident.append_event($1, $2, $3, $4) as version", [
    order,
    type,
    JSON.stringify(payload),
    expected,
  ]);

const seen = {};
seen.first = (await append("OrderCreated", { amount: 29.33 }, 0)).rows[0].version;
seen.second = (await append("PaymentProcessed", { amount: 29.33 }, 1)).rows[0].version;

try {
  await append("ItemShipped", {}, 1);
} catch (error) {
  seen.conflict = {
    code: error.code,
    detail: JSON.parse(error.detail),
    hint: error.hint,
  };
}

const feed = await client.query(
  "select id, aggregate_id, version, event_type, payload from evident.read_feed($1, $2)",
  [0, 10],
);
seen.feed = feed.rows;

await client.end();
console.log(JSON.stringify(seen));
