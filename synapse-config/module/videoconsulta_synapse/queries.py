"""What several of our endpoints ask of Synapse's database."""

from synapse.module_api import LoggingTransaction


def number(transaction: LoggingTransaction, statement: str, *values: object) -> int | None:
    """The one number that this statement gives; None for no row, and for null."""
    transaction.execute(statement, values)
    row = transaction.fetchone()
    return None if row is None else row[0]
