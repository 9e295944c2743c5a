"""Raw tables → typed → judged → accepted → clean tables."""

from typing import Any

from promo_kedro.pipelines.data_engineering.parameters import DataEngineeringParameters
from promo_kedro.types import Table


def read_raw_tables(parameters: DataEngineeringParameters, **raw: Table) -> dict[str, Table]:
    """Turn text into ids, numbers and dates by explicit rules, or list everything that is wrong.

    Args:
        parameters: Date formats and policies.
        raw: The raw tables by file name, every column as text; None where one is absent.

    Returns:
        The typed tables by file name; an optional one that is absent has 0 rows.

    Raises:
        InputError: When a header, a cell, a key or a date is not what it must be.
    """
    from promo_kedro.pipelines.data_engineering.cleaning import raw_checks

    typed = raw_checks.check_raw_tables(raw, parameters)
    raw_checks.report_absent_tables(typed)
    return typed


def judge_rows(parameters: DataEngineeringParameters, **typed: Table) -> dict[str, Table]:
    """Give every row that breaks a rule its reason; nothing is dropped or clipped."""
    from promo_kedro.pipelines.data_engineering.cleaning import row_rules

    return row_rules.judge_rows(typed, parameters.cleaning)


def accept_input(
    raw_files: dict[str, Any], parameters: DataEngineeringParameters, **judged: Table
) -> tuple[dict[str, Any], Table]:
    """Refuse what cannot be used, before any clean table is written.

    Returns:
        The manifest (hash and files of the raw data, calendar, categories, rows set aside) and
        the rejected rows.

    Raises:
        InputError: When too much is set aside or too little is left.
    """
    from promo_kedro.pipelines.data_engineering.cleaning import acceptance

    files = {name: file for name, file in raw_files.items() if name != "raw_data_hash"}
    accepted = acceptance.accepted_input(judged, parameters)
    manifest = {"raw_data_hash": raw_files["raw_data_hash"], "files": files, **accepted}
    return manifest, acceptance.rejected_rows(judged)


def clean_items(judged_items: Table, raw_manifest: dict[str, Any]) -> Table:
    """Return the items, once there is a manifest: that is, once the input is accepted."""
    from promo_kedro.pipelines.data_engineering.cleaning import clean_tables

    return clean_tables.clean_items(judged_items)


def clean_transactions(judged_transactions: Table, raw_manifest: dict[str, Any]) -> Table:
    """Return the good receipt lines, each in its 14-day step."""
    from promo_kedro.pipelines.data_engineering.cleaning import clean_tables

    return clean_tables.clean_transactions(judged_transactions, raw_manifest)


def list_consumers(typed_demographics: Table, transactions: Table, issued_coupons: Table) -> Table:
    """Return everyone who has bought, has demographics or was given a coupon."""
    from promo_kedro.pipelines.data_engineering.cleaning import clean_tables

    return clean_tables.clean_consumers(typed_demographics, transactions, issued_coupons)


def clean_coupons(
    judged_campaigns: Table, judged_coupon_items: Table, judged_redemptions: Table, items: Table
) -> tuple[Table, Table, Table]:
    """Return the campaigns, which items coupons are for, and who was given which."""
    from promo_kedro.pipelines.data_engineering.cleaning import clean_tables

    return (
        clean_tables.clean_campaigns(judged_campaigns),
        clean_tables.clean_coupon_items(judged_coupon_items, items),
        clean_tables.clean_issued_coupons(judged_redemptions),
    )


def clean_offers(judged_offer_log: Table, items: Table, raw_manifest: dict[str, Any]) -> Table:
    """Return the offers that were made, each in its 14-day step."""
    from promo_kedro.pipelines.data_engineering.cleaning import clean_tables

    return clean_tables.clean_offers(judged_offer_log, items, raw_manifest)
