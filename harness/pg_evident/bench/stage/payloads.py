"""Make JSON as orders have it, of any length, always the same for a length."""

from __future__ import annotations

import json
import random
from typing import Any

_TEXT = (
    "amber anchor apron atlas basket beacon bottle brass bridge bronze brush button"
    " cable candle canvas carbon cedar chain chair charcoal clamp clock coat copper"
    " cork cotton cradle curtain drawer easel fabric feather felt flask folder frame"
    " garden glass glove grain granite hammer handle harbour hinge indigo iron ivory"
    " jacket kettle ladder lantern leather lemon linen marble meadow mirror needle"
    " north oak olive orange paper pearl pencil pepper pine plate pocket quartz raven"
    " ribbon river rope saddle saffron salt satin shelf silver slate spoon stone straw"
    " sugar table tailor thread timber towel velvet violet walnut willow window wool"
)
_WORDS = _TEXT.split()


def order(size: int) -> str:
    """Return an order whose JSON takes about `size` bytes: lines and a note.

    Compresses as text does, since the names repeat and what they stand for does not.
    """
    chosen = random.Random(size)
    document: dict[str, Any] = {
        "customer_id": f"customer-{chosen.randrange(10**6):06}",
        "ordered_on": "1997-01-12",
        "currency": "USD",
        "lines": [],
        "note": "",
    }
    while True:
        line = _line(chosen)
        if len(json.dumps(document)) + len(json.dumps(line)) + 2 > size:
            break
        document["lines"].append(line)
    while len(json.dumps(document)) < size:
        document["note"] = f"{document['note']} {chosen.choice(_WORDS)}".lstrip()
    return json.dumps(document)


def _line(chosen: random.Random) -> dict[str, Any]:
    return {
        "sku": f"SKU-{chosen.randrange(10**5):05}",
        "name": " ".join(chosen.sample(_WORDS, 3)),
        "quantity": chosen.randint(1, 12),
        "price": chosen.randrange(100, 50_000) / 100,
    }
