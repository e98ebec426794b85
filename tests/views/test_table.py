from bugbundle.views.table import Table, align, render


def test_columns_are_padded_but_for_the_last():
    table = Table(("NAME", "PORT", "TYPE"), (("a", "15010", "HTTP"), ("längere", "1", "")), padding=5)
    assert render(table) == ("NAME        PORT      TYPE\na           15010     HTTP\nlängere     1         \n")


def test_an_empty_column_still_takes_its_padding():
    assert render(Table(("A", "", "C"), (("1", "", "3"),))) == "A  C\n1  3\n"


def test_a_line_without_the_column_ends_its_block():
    lines = [("a", "b"), ("long", "b"), ("no columns here",), ("x", "y"), ("x", "yy", "z"), ("x", "y", "z")]
    assert align(lines, 2) == ["a     b", "long  b", "no columns here", "x  y", "x  yy  z", "x  y   z"]


def test_tabs_and_newlines_in_cells_are_cells_and_lines():
    assert align([("a\tb", "c"), ("d\ne", "f")]) == ["a b c", "d", "e f"]


def test_no_columns_no_titles():
    assert render(Table((), (("a", "b"),))) == "a b\n"
    assert render(Table((), ())) == ""
    assert align([()]) == [""]
