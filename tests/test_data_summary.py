"""The text of `python -m bowerbird check`, against counts by hand."""

from dataclasses import replace

from click.testing import CliRunner

from bowerbird.__main__ import cli
from bowerbird.data.reader import read_attachments
from bowerbird.data.summary import describe, is_contest, obstacles
from bowerbird.data.twin import write_twin
from bowerbird.files import sha256


def lines_of(text: str) -> dict[str, str]:
    """First word or two -> the rest of the line."""
    return {line[:14].strip(): line[14:].strip() for line in text.splitlines() if line}


def test_tiny_attachments(tiny):
    text = describe(tiny)
    for label, rows in (("附件1", 40), ("附件2", 5), ("附件3", 3), ("附件4", 5), ("附件5", 3), ("附件6", 6)):
        path = tiny.files[label]
        assert f"{label}  {rows:>9} rows  sha256 {sha256(path)[:12]}  {path.name}\n" in text
    lines = lines_of(text)
    assert lines["Series"] == "4 on 10 days, 2022-12-01 to 2022-12-10"
    assert lines["Units"] == "780; 2.5% of the known days are zero"  # 0 + 1 + ... + 39; one of 40 is zero
    assert lines["Missing days"] == "none in 4 series"
    assert lines["Far outside"] == "0 quantities"
    assert lines["New items"] == "1 series of 3 to 3 days, 2022-12-08 to 2022-12-10; 0 of them in 附件1"
    assert lines["Promotion"] == "3 of the 4 series, 2022-11-01 to 2022-11-02"
    assert lines["Merge"] == "60 rows as the tables stand, 40 with repeated rows dropped"
    assert text.endswith("wh_29, wh_38 stand more than once")


def test_without_new_items_promotion_and_repeats(tables, write):
    del tables["附件5"], tables["附件6"]
    tables["附件4"] = tables["附件4"].drop_duplicates()
    text = describe(read_attachments(write(tables)))
    assert "\n附件5  absent\n附件6  absent\n" in text
    lines = lines_of(text)
    assert (lines["New items"], lines["Promotion"]) == ("no 附件5", "no 附件6")
    assert lines["Merge"] == "40 rows as the tables stand, 40 with repeated rows dropped"


def test_missing_days_and_quantities_far_outside_their_series(tables, write):
    tables["附件1"].loc[[2, 35, 36], "qty"] = str(10**8)  # series 0: 0 to 9; series 3, twice: 30 to 39
    tables["附件1"] = tables["附件1"].drop(index=[0, 11, 12, *range(21, 28)])  # 1, 2 and 7 days of three series
    text = describe(read_attachments(write(tables)))
    lines = lines_of(text)
    assert lines["Missing days"] == "none in 1 series; 1 in 1 series; 2 to 6 in 1 series; 7 to 27 in 1 series"
    units = 780 - 11 - 12 - sum(range(21, 28)) + 3 * 10**8 - 2 - 35 - 36
    assert lines["Units"] == f"{units:,}; 0.0% of the known days are zero"
    assert lines["Far outside"] == "3 quantities"
    assert "\n              seller_1/product_1/wh_1 100000000 on 2022-12-03, usual at most 8\n" in text
    assert "\n              seller_2/product_3/wh_1 100000000 on 2022-12-06, usual at most 39\n" in text


def test_new_items_that_are_not_new_and_repeated_products(tables, write):
    tables["附件2"] = tables["附件2"].iloc[[0, 1, 2, 2, 3, 4]]  # product_3: one series, in wh_1
    read = read_attachments(write(tables))
    text = describe(replace(read, new_items=read.shipments.head(15)))
    assert "2 series of 5 to 10 days, 2022-12-01 to 2022-12-10; 2 of them in 附件1" in text
    assert lines_of(text)["Merge"] == "70 rows as the tables stand, 40 with repeated rows dropped"
    assert "product_3, wh_29, wh_38 stand more than once" in text


def test_command_line(tables, write):
    result = CliRunner().invoke(cli, ["check", str(folder := write(tables))])
    assert result.exit_code == 1
    described, told = result.stdout.split("Skipped")
    assert described == describe(read_attachments(folder)) + "\n" and "03_tables_1_and_2: it looks" in told
    expected = "reproduce would stop in 06_sbo_lstm: 10 days of 4 series; 97 days and 12 series are needed"
    assert expected in result.stderr


def test_obstacles_are_told_with_notebook_and_cure(tmp_path):
    write_twin(tmp_path, 12, seed=0)
    assert CliRunner().invoke(cli, ["check", str(tmp_path)]).exit_code == 0
    whole = read_attachments(tmp_path)
    gaps = replace(whole, shipments=whole.shipments[whole.shipments["qty"] > 0])
    assert list(obstacles(gaps)) == ["01_data"]
    assert "give bowerbird reproduce --set 01_data.fill_gaps=zero" in obstacles(gaps)["01_data"]
    shorter = whole.shipments[whole.shipments["date"] <= "2023-04-30"]
    assert obstacles(replace(whole, shipments=shorter)) == {}  # notebook 09 leaves out what it cannot answer
    assert obstacles(replace(whole, new_items=None, promotion=None)) == {}
    one = whole.shipments["product_no"] == whole.shipments["product_no"][0]
    assert "166 days of" in obstacles(replace(whole, shipments=whole.shipments[one]))["11_how_much_and_when"]
    assert "06_sbo_lstm" in obstacles(replace(whole, shipments=whole.shipments.assign(qty=0)))


def test_original(original):
    text = describe(original)
    assert "附件1    331,336 rows" in text
    lines = lines_of(text)
    assert lines["Series"] == "1,996 on 166 days, 2022-12-01 to 2023-05-15"
    assert lines["Units"].endswith("; 18.9% of the known days are zero")
    assert lines["Missing days"] == "none in 1,996 series"
    assert lines["Far outside"] == "4 quantities"
    assert obstacles(original) == {}
    assert lines["New items"] == "210 series of 23 to 45 days, 2023-04-01 to 2023-05-15; 0 of them in 附件1"
    assert lines["Promotion"] == "1,957 of the 1,996 series, 2022-11-01 to 2022-11-11"
    assert lines["Merge"] == "340,798 rows as the tables stand, 331,336 with repeated rows dropped"
    assert text.endswith("wh_29, wh_38 stand more than once")


def test_the_contests_data_are_known_whatever_the_order_of_rows(original, tiny):
    shuffled = replace(
        original,
        shipments=original.shipments.sample(frac=1, random_state=0)[original.shipments.columns[::-1]],
        warehouses=original.warehouses.iloc[::-1],
    )
    assert is_contest(shuffled) and not is_contest(tiny)
    changed = original.shipments.copy()
    changed.loc[1000, "qty"] += 1
    assert not is_contest(replace(original, shipments=changed))
    assert not is_contest(replace(original, warehouses=original.warehouses.drop_duplicates()))
