"""Tables as people read them."""

from scripts.core.text_tables import count, duration, size, table


def test_numbers_as_people_write_them():
    assert [count(0), count(1234567)] == ["", "1,234,567"]
    assert [size(0), size(999), size(1000), size(2_500_000)] == ["0 B", "999 B", "1.0 kB", "2.5 MB"]
    assert size(3 * 10**15) == "3000.0 TB"
    assert [duration(0), duration(89), duration(120), duration(7200)] == [
        "0 s", "89 s", "2 min", "2.0 h",
    ]  # fmt: skip
    assert table(["a", "size"], [["name", "7"], ["b", "12,000"]]).split("\n") == [
        "a       size", "----  ------", "name       7", "b     12,000",
    ]  # fmt: skip
