"""The page of a day: alerts, orders, the day's demand against its forecast, files that were refused.

<store>/days/2023-05-01/index.html works offline and loads nothing; orders.csv, forecast.csv and alerts.csv lie beside
it. Ids come from files that anyone may have written: the page escapes them, and in a csv none begins a formula.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from jinja2 import Environment

from bowerbird.data.panel import key_columns
from bowerbird.files import neutralised, write_csv, write_text
from bowerbird.operation.store import Rules, Store

SHOWN = 15  # rows of a table on the page; the csv holds all
FIRST = 10  # alerts whose share of the worth of all is stated
SCORED_DAYS = 28  # days that the chart shows and the methods are compared on

OVERRIDES = """
SELECT {keys}, date, coalesce('order ' || overrides.quantity::BIGINT, 'order up to ' || level::BIGINT) AS decision,
       coalesce(proposed::BIGINT::VARCHAR, 'not yet') AS "the store's order", reason, who,
       strftime(made, '%Y-%m-%d %H:%M UTC') AS made
FROM overrides JOIN series USING (row) LEFT JOIN orders USING (date, row)
WHERE date >= ? ORDER BY date, number"""
PAGE = Environment(autoescape=True).from_string(Path(__file__).with_suffix(".html").read_text(encoding="utf-8"))


def write(store: Store, day: pd.Timestamp) -> Path:
    """Write a day's page and its csv files; written again, they are the same."""
    folder = store.folder / "days" / f"{day:%Y-%m-%d}"
    tomorrow = day + store.frequency.step
    keys = ", ".join(key_columns(store.series))
    tables = {
        "orders.csv": store.frame(
            f"SELECT {keys}, date, reorder_point AS s, order_up_to AS S_, "
            "round(position, 1) AS position, quantity, proposed, given.reason AS override, given.who AS by "
            "FROM orders JOIN series USING (row) LEFT JOIN (SELECT row, last(reason ORDER BY number) AS reason, "
            "last(who ORDER BY number) AS who FROM overrides WHERE date = $1 GROUP BY row) AS given USING (row) "
            "WHERE date = $1 ORDER BY row", tomorrow,
        ).rename(columns={"S_": "S", "quantity": "order"}),
        "forecast.csv": store.frame(
            f"SELECT {keys}, date, round(point, 4) AS forecast_qty, "
            "round(mean, 4) AS mean, round(dispersion, 4) AS dispersion, round(zero, 4) AS zero "
            "FROM forecasts JOIN series USING (row) WHERE origin = ? ORDER BY row, date", day,
        ),
        "alerts.csv": store.frame(
            f"SELECT {keys}, kind, measure, round(value, 4) AS value, threshold, "
            "round(units, 1) AS units, round(worth, 1) AS worth, reason, action "
            "FROM alerts JOIN series USING (row) WHERE date = ? ORDER BY number", day,
        ),
    }  # fmt: skip
    for name, table in tables.items():
        write_csv(folder / name, neutralised(table), date_format="%Y-%m-%d")
    return write_text(folder / "index.html", PAGE.render(_content(store, day, tomorrow, tables)))


def one_day_scores(store: Store, day: pd.Timestamp) -> pd.DataFrame:
    """The last days' forecasts of the next day, the network's and the simple ones: method, days, 1-WMAPE, bias."""
    step = store.frequency.step.days
    return store.frame(
        """
        WITH made AS (
            SELECT origin, row, 'network' AS method, point AS units FROM forecasts WHERE date = origin + $2
            UNION ALL SELECT origin, row, method, units FROM simple_forecasts
        )
        SELECT method, count(DISTINCT date) AS days,
               1 - sum(abs(qty - units)) / sum(qty) AS "1-WMAPE", sum(units - qty) / sum(qty) AS bias
        FROM made JOIN demand ON demand.row = made.row AND demand.date = made.origin + $2
        WHERE qty IS NOT NULL AND date > $1 - $3 AND date <= $1
        GROUP BY method HAVING sum(qty) > 0 ORDER BY "1-WMAPE" DESC, method
        """,
        day.date(), step, SCORED_DAYS * step,
    )  # fmt: skip


def _content(store: Store, day: pd.Timestamp, tomorrow: pd.Timestamp, tables: dict[str, pd.DataFrame]) -> dict:
    orders, step = tables["orders.csv"], store.frequency.step.days
    keys = ", ".join(key_columns(store.series))
    placed = orders[orders["order"] > 0].sort_values("order", ascending=False, kind="stable")
    served = store.value("SELECT sum(sales) / nullif(sum(sales + short), 0) FROM stock WHERE date = ?", day)
    daily = store.frame(
        """
        SELECT date, sum(qty) AS units, count(*) - count(qty) AS unknown,
               coalesce(sum(mean) FILTER (qty IS NOT NULL), sum(mean)) AS expected  -- of the same series
        FROM demand LEFT JOIN (SELECT date, row, mean FROM forecasts WHERE date = origin + $2) USING (date, row)
        WHERE date > $1 - $3 AND date <= $1 GROUP BY date ORDER BY date
        """,
        day.date(), step, SCORED_DAYS * step,
    )  # fmt: skip
    worth = tables["alerts.csv"]["worth"]
    unknown = daily["unknown"].iloc[-1]
    top = max(daily[["units", "expected"]].max().max(), 1)
    heights = (daily[["units", "expected"]] / top * 100).round(1)
    shipped = ["unknown" if np.isnan(units) else f"{units:,.0f}" for units in daily["units"]]
    expected = daily["expected"].iloc[-1]
    figures = [
        ("units shipped", shipped[-1]),
        ("forecast for it", "–" if np.isnan(expected) else f"{expected:,.0f}"),
        *([("series unknown", f"{unknown:,}")] if unknown else []),
        ("served from stock", "–" if served is None else f"{served:.1%}"),
        ("series to order", f"{len(placed):,}"),
        ("units to order", f"{placed['order'].sum():,.0f}"),
        ("alerts", f"{len(tables['alerts.csv']):,}"),
    ]
    return {
        "word": store.frequency.word,
        "day": f"{day:%Y-%m-%d}",
        "tomorrow": f"{tomorrow:%Y-%m-%d}",
        "figures": figures,
        "alerts": _rows(tables["alerts.csv"].drop(columns=["measure", "value", "threshold"]).head(SHOWN)),
        "shortage_cost": f"{Rules.of(store).shortage_cost:g}",
        "first_alerts": min(FIRST, len(worth)),
        "n_alerts": len(worth),
        "first_share": f"{worth.head(FIRST).sum() / max(worth.sum(), 1e-9):.0%}",
        "orders": _rows(placed.drop(columns=["date", "proposed", "override", "by"]).head(SHOWN)),
        "overrides": _rows(store.frame(OVERRIDES.format(keys=keys), tomorrow)),
        "methods": _rows(one_day_scores(store, day).round(3)),
        "quarantine": _rows(store.frame("SELECT file, reason FROM quarantine ORDER BY file, checksum")),
        "bars": [
            {"date": f"{date:%Y-%m-%d}", "units": units, "height": np.nan_to_num(height)}
            for date, units, height in zip(daily["date"], shipped, heights["units"], strict=True)
        ],
        "line": " ".join(
            f"{28 * i + 14},{105 - height}" for i, height in enumerate(heights["expected"]) if not np.isnan(height)
        ),
    }


def _rows(table: pd.DataFrame) -> list[dict]:
    """A table's rows for the template, whole numbers without a decimal point."""
    rows = table.astype(object).to_dict("records")
    return [{n: int(v) if isinstance(v, float) and v.is_integer() else v for n, v in row.items()} for row in rows]
