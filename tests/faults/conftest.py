"""The longest test first, so that all cores are busy to the end."""

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sorts them; the order of the others stays."""
    items.sort(key=lambda item: "ten_thousand" not in item.nodeid)
