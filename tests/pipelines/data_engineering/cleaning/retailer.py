"""A tiny retailer whose files tests can damage: tables of text, as they stand in a file."""

import ibis

from promo_kedro.pipelines.data_engineering.cleaning import nodes
from promo_kedro.pipelines.data_engineering.cleaning.raw_tables import RAW_TABLES
from promo_kedro.pipelines.data_engineering.parameters import DataEngineeringParameters

HEADERS = {table.name: [c.name for c in table.columns if c.required] for table in RAW_TABLES}
TRANSACTIONS, ITEMS, DEMOGRAPHICS, CAMPAIGNS, COUPON_ITEMS, REDEMPTIONS, OFFER_LOG = HEADERS

GOOD_ROWS = {
    TRANSACTIONS: [
        ["2013-01-01", "1", "10", "2", "18.0", "-2.0", "0"],
        ["2013-01-15", "1", "11", "1", "5.00", "", ""],
        ["2013-01-16", "2", "10", "1", "8.5", "-1.5", "-2.5"],
        ["2013-01-28", "3", "12", "3", "30", "0.0", "-0.0"],
    ],
    ITEMS: [
        ["10", "56", "Local", "Bakery"],
        ["11", "57", "Established", "Meat"],
        ["12", "", "", "Meat"],
    ],
    DEMOGRAPHICS: [
        ["1", "26-35", "", "0", "3", "", "4"],
        ["9", "70+", "Married", "1", "2", "", ""],
    ],
    CAMPAIGNS: [["7", "X", "01/01/13", "20/01/13"]],
    COUPON_ITEMS: [["100", "10"], ["100", "10"], ["101", "12"]],
    REDEMPTIONS: [["1", "7", "100", "2", "0"], ["2", "7", "100", "8", "1"]],
    OFFER_LOG: [
        ["2013-01-15", "1", "11", "0.0", "false", ""],
        ["2013-01-15", "2", "10", "40", "True", "0.25"],
    ],
}


def raw_table(name, rows, header=None):
    """Return a table of text with ``row``, as a file is read."""
    header = header or HEADERS[name]
    schema = dict.fromkeys(header, "string") | {"row": "int64"}
    records = [dict(zip(header, cells, strict=True)) for cells in rows]
    for number, record in enumerate(records, start=1):
        record["row"] = number
    columns = {column: [record[column] for record in records] for column in schema}
    return ibis.memtable(columns, schema=ibis.schema(schema))


def raw_tables(**rows):
    """Return the good tables, some replaced: rows, a whole table, or None for an absent one."""
    made = {}
    for name, good in GOOD_ROWS.items():
        brought = rows.get(name, good)
        made[name] = raw_table(name, brought) if isinstance(brought, list) else brought
    return made


def transactions_with(**cells):
    """Return the good receipt lines, one cell of the third changed."""
    lines = [list(line) for line in GOOD_ROWS[TRANSACTIONS]]
    for name, text in cells.items():
        lines[2][HEADERS[TRANSACTIONS].index(name)] = text
    return {TRANSACTIONS: lines}


def lenient(**cleaning):
    """Return parameters under which a tiny table may lose most of its rows."""
    return DataEngineeringParameters(cleaning={"max_rejected_share": 1.0, **cleaning})


def judged_tables(raw, parameters=None):
    """Read and judge raw tables."""
    parameters = parameters or lenient()
    typed = nodes.read_raw_tables(parameters, **raw)
    return typed, nodes.judge_rows(parameters, **typed)


def accept(raw, parameters=None):
    """Read, judge and accept raw tables; return the manifest and the rejected rows."""
    parameters = parameters or lenient()
    _, judged = judged_tables(raw, parameters)
    return nodes.accept_input({"raw_data_hash": "h", "a.csv": {}}, parameters, **judged)


def clean(raw, parameters=None):
    """Take raw tables all the way to clean pandas tables."""
    parameters = parameters or lenient()
    typed, judged = judged_tables(raw, parameters)
    files = {"raw_data_hash": "h", "a.csv": {}}
    manifest, rejected = nodes.accept_input(files, parameters, **judged)
    items = nodes.clean_items(judged[ITEMS], manifest)
    transactions = nodes.clean_transactions(judged[TRANSACTIONS], manifest)
    campaigns, coupon_items, issued_coupons = nodes.clean_coupons(
        judged[CAMPAIGNS], judged[COUPON_ITEMS], judged[REDEMPTIONS], items
    )
    tables = {
        "transactions": transactions,
        "items": items,
        "campaigns": campaigns,
        "coupon_items": coupon_items,
        "issued_coupons": issued_coupons,
        "consumers": nodes.list_consumers(typed[DEMOGRAPHICS], transactions, issued_coupons),
        "offers": nodes.clean_offers(judged[OFFER_LOG], items, manifest),
        "rejected_rows": rejected,
    }
    return manifest, tables
