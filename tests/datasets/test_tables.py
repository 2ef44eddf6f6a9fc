from __future__ import annotations

import builtins
import gzip
from pathlib import Path

import numpy as np
import pytest

from pellucid.datasets import Column, encode_table, load, read_labelled
from pellucid.datasets.columns import MOST_CATEGORIES
from pellucid.errors import DataError, MissingExtraError

pd = pytest.importorskip("pandas")
pytest.importorskip("pyarrow")

COLUMNS = (Column("size"), Column("colour", ("green", "red")))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "fruit.csv"


def write(path: Path, *rows: str) -> Path:
    path.write_text("\n".join(rows) + "\n")
    return path


def fruit(n: int = 10) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "size": np.arange(n) * 1.5,
            "colour": ["red", "green"] * (n // 2),
            "ripe": [True, False] * (n // 2),
            "label": ["pear", "apple"] * (n // 2),
        }
    )


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".CSV"])
def test_a_table_becomes_numbers_words_and_classes(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"fruit{suffix}"
    fruit().to_parquet(path) if suffix == ".parquet" else fruit().to_csv(path, index=False)
    table = load(path)
    assert (table.name, table.classes, table.has_own_split) == ("fruit", ("apple", "pear"), False)
    assert table.columns == (Column("size"), Column("colour", ("green", "red")), Column("ripe"))
    assert table.feature_names == ("size", "colour=green", "colour=red", "ripe")
    assert (table.input_shape, table.X_train.shape, table.X_train.dtype) == ((4,), (8, 4), np.float64)
    np.testing.assert_array_equal(table.X_train[:, 2], table.y_train)
    np.testing.assert_array_equal(table.X_train[:, 3], table.y_train)


def test_statistics_are_those_of_the_training_part_and_words_are_left_alone(path: Path) -> None:
    fruit().to_csv(path, index=False)
    table = load(path)
    sizes = table.X_train[:, 0]
    assert table.scaling.offset[:3] == (sizes.mean(), 0.0, 0.0)
    assert table.scaling.scale[:3] == (sizes.std(), 1.0, 1.0)


def test_categories_are_taken_from_the_whole_table(path: Path) -> None:
    write(path, "word,y", *[f"w{n},{n % 2}" for n in range(10)])
    assert load(path).columns == (Column("word", tuple(f"w{n}" for n in range(10))),)


@pytest.mark.parametrize("name", ["label", "class", "target", "y"])
def test_a_usual_name_is_the_label(path: Path, name: str) -> None:
    assert load(write(path, f"a,{name}", *[f"{n},{n % 2}" for n in range(10)])).classes == (0, 1)


def test_the_label_may_be_named(path: Path) -> None:
    assert load(write(path, "a,y,kind", *[f"{n},{n},{n % 2}" for n in range(10)]), "kind").feature_names == ("a", "y")


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (["1", "0"], (0, 1)),
        (["1.0", "0.0"], (0, 1)),
        (["True", "False"], ("False", "True")),
        (["1", "a"], ("1", "a")),
        ([" a", "a"], (" a", "a")),
        (["12345678901234567", "12345678901234568"], (12345678901234567, 12345678901234568)),
    ],
)
def test_labels_are_kept_as_they_are(path: Path, labels: list[str], classes: tuple[object, ...]) -> None:
    assert load(write(path, "a,y", *[f"{n},{labels[n % 2]}" for n in range(10)])).classes == classes


def test_a_folder_with_two_tables_has_its_own_split(tmp_path: Path) -> None:
    fruit().to_csv(tmp_path / "train.csv", index=False)
    fruit(6).replace({"red": "blue"}).to_parquet(tmp_path / "test.parquet")
    table = load(tmp_path)
    assert table.has_own_split
    assert (table.X_train.shape, table.X_test.shape) == ((10, 5), (6, 5))
    assert table.columns is not None
    assert table.columns[1] == Column("colour", ("blue", "green", "red"))


def test_two_tables_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    train, test = tmp_path / "train.csv", tmp_path / "test.csv"
    write(train, "a,y", *[f"{n},{n % 2}" for n in range(10)])
    with pytest.raises(DataError, match=r"holds 'train.csv', but not both a training and a test table"):
        load(tmp_path)
    write(test, "b,y", "1,0")
    with pytest.raises(DataError, match="only one of them has 'a', 'b'"):
        load(tmp_path)
    write(test, "a,y", "word,0")
    with pytest.raises(DataError, match=r"'a' holds words in .*test.csv, but numbers in .*train.csv"):
        load(tmp_path)
    write(test, "a,y", "1,7")
    with pytest.raises(DataError, match=r"'y' of .*test.csv holds 7 in row 1, which is none of the classes"):
        load(tmp_path)
    write(test, "a,z", "1,7")
    with pytest.raises(DataError, match=r"test.csv has no column 'y'"):
        load(tmp_path)


GOOD = [f"{n},{n},{n % 2}" for n in range(10)]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "no CSV table \\(No columns to parse"),
        (["a,b,y"], "has no rows; expected at least one below the header"),
        (["a,b,y", *GOOD, "1,2"], "column 'y' of .* has no value in row 11. Fill it in"),
        (["a,b,y", *GOOD, "1,,0"], "column 'b' of .* has no value in row 11"),
        (["a,b,y", *GOOD, "1,NA,0"], "column 'b' of .* has no value in row 11"),
        (["a,b,y", *GOOD, "1,-inf,0"], "column 'b' of .* holds -inf in row 11; expected a number"),
        (["a,b,y", *GOOD, "1,2,0,4"], "Expected 3 fields in line 12, saw 4"),
        (["a,b,y", *[row + ",7" for row in GOOD]], "spoiled, or no CSV table \\(Length of header"),
        ([",b,y", *GOOD], "column 1 of .* has no name.*index that was saved"),
        (["a,b,c", *GOOD], "has the columns 'a', 'b', 'c'; expected exactly one called 'label', 'class'"),
        (["a,target,y", *GOOD], "several columns that could be the label, 'target', 'y'"),
        (["a;b;y", *[row.replace(",", ";") for row in GOOD]], "separated by something else than commas"),
        (["y", "1", "0"], "has no column but the label"),
        (["a,b,y", *[f"{n},{n},{n}.5" for n in range(9)]], "'y' of .* holds 0.5 in row 1.*looks like a quantity"),
        (["a,b,y", *["1,2,0"] * 9], "holds one class only: 0"),
        (["a,b,y", *GOOD[:4]], "the data has 4 rows; expected at least 5"),
        (["a,y", *[f"w{n},{n % 2}" for n in range(1001)]], "'a' of .*1,001 different words.*looks like an identifier"),
        (["a,b,y", *[f"{n}e307,1,{n % 2}" for n in range(10, 16)]], "feature 'a' are too large"),
        (
            ["a,y", *[f"{'?' if n == 17 else n},{n % 2}" for n in range(60)]],
            r"'a' of .* holds '\?' in row 18, and numbers in 59",
        ),
        (
            ["a,y", *[f'"{n},5",{n % 2}' for n in range(60)]],
            "'a' of .* holds '0,5' in row 1, and numbers in 60 of 60 rows",
        ),
        (["a,y", *[f"{n}%,{n % 2}" for n in range(60)]], "'a' of .* holds '0%' in row 1, and numbers in 60 of 60 rows"),
        (
            ["a,y", *[f"2020-01-{n:02},{n % 2}" for n in range(1, 29)]],
            "holds '2020-01-01' in row 1, and dates in 28 of 28",
        ),
    ],
)
def test_a_bad_table_is_refused_in_a_sentence(path: Path, rows: list[str], message: str) -> None:
    path.write_text("\n".join(rows))
    with pytest.raises(DataError, match=message):
        load(path)


@pytest.mark.parametrize("header", ["label,b,label", '\ufeff"label","b","label"', "\n\nlabel,label,label.1"])
def test_two_columns_of_one_name_are_refused_as_in_a_frame(path: Path, header: str) -> None:
    path.write_text("\n".join([header, *[f"{n % 2},{n},{n % 2}" for n in range(10)]]))
    for read in (load, lambda table: encode_table(table, [Column("label")])):
        with pytest.raises(DataError, match=r"fruit\.csv has several columns called 'label'"):
            read(path)
    frame = pd.DataFrame([[0, 1, 2]], columns=["label", "b", "label"])
    with pytest.raises(DataError, match="the table has several columns called 'label'"):
        encode_table(frame, [Column("label")])


def test_two_columns_of_one_name_are_found_in_a_compressed_table(tmp_path: Path) -> None:
    path = tmp_path / "fruit.csv.gz"
    path.write_bytes(gzip.compress(b"size,size\n1,2\n"))
    with pytest.raises(DataError, match="several columns called 'size'"):
        encode_table(path, [Column("size")])


@pytest.mark.parametrize("name", ["Unnamed: price", "NA", "a.1", "1"])
def test_a_name_is_taken_as_it_stands_in_the_header(path: Path, name: str) -> None:
    assert load(write(path, f"a,{name},y", *GOOD)).feature_names == ("a", name)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ('a,"",y', "column 2 of .* has no name; expected a name for each column"),
        ("a,b,y,", "column 4 of .* has no name; expected"),
        ("Unnamed: 0,b,y", "column 1 of .* has no name but 'Unnamed: 0'; expected .*index that was saved along"),
    ],
)
def test_a_column_without_a_name_is_refused(path: Path, header: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        load(write(path, header, *[row + "," * (header.count(",") - 2) for row in GOOD]))


def test_a_label_that_is_not_there_lists_the_columns_and_the_closest(path: Path) -> None:
    with pytest.raises(
        DataError, match=r"no column 'kinf'; expected one of its columns 'a', 'kind'. Did you mean 'kind'"
    ):
        load(write(path, "a,kind", "1,0"), "kinf")


def test_what_is_not_utf8_is_refused(path: Path) -> None:
    path.write_bytes("größe,y\n1,0\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"is not UTF-8.* Save it anew as UTF-8"):
        load(path)


def test_a_byte_order_mark_is_no_part_of_a_name(path: Path) -> None:
    path.write_text("\n".join(["größe,y", *[f"{n},{n % 2}" for n in range(9)]]), "utf-8-sig")
    assert load(path).feature_names == ("größe",)


def test_a_file_that_is_no_parquet_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    fruit().to_parquet(path)
    content = path.read_bytes()
    for spoiled in (b"", b"a,b\n1,2\n", content[:-9], content[:200] + bytes(100) + content[300:]):
        path.write_bytes(spoiled)
        with pytest.raises(DataError, match=r"a.parquet is spoiled, or no Parquet file"):
            load(path)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (pd.date_range("2020", periods=10), "column 'a' of .* has the type datetime64.*Turn it into numbers"),
        (pd.to_timedelta(range(10)), "has the type timedelta64"),
        ([b"x"] * 10, "values of the types 'bytes'"),
        ([[1], [2]] * 5, "values of the types 'ndarray'"),
        (pd.array([1, None] * 5, "Int64"), "column 'a' of .* has no value in row 2"),
        ([None, "x"] * 5, "has no value in row 1"),
        ([pd.Timestamp("2020").date()] * 10, "values of the types 'date'"),
    ],
)
def test_other_types_are_refused(tmp_path: Path, values: object, message: str) -> None:
    path = tmp_path / "a.parquet"
    pd.DataFrame({"a": values, "y": [0, 1] * 5}).to_parquet(path)
    with pytest.raises(DataError, match=message):
        load(path)


@pytest.mark.parametrize(
    ("values", "column"),
    [
        (pd.array([1, 2] * 5, "Int64"), Column("a")),
        (pd.array([True, False] * 5, "boolean"), Column("a")),
        (pd.Categorical(["x", "z"] * 5), Column("a", ("x", "z"))),
        (np.arange(10, dtype=np.float32), Column("a")),
    ],
)
def test_the_types_of_parquet_are_understood(tmp_path: Path, values: object, column: Column) -> None:
    path = tmp_path / "a.parquet"
    pd.DataFrame({"a": values, "y": pd.Categorical(["p", "q"] * 5)}).to_parquet(path)
    assert load(path).columns == (column,)
    assert load(path).classes == ("p", "q")


@pytest.mark.parametrize(("missing", "extra"), [("pandas", "pandas"), ("pyarrow", "pyarrow")])
def test_a_missing_package_is_named_with_what_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str, extra: str
) -> None:
    fruit().to_parquet(tmp_path / "a.parquet")
    if missing == "pandas":
        real = builtins.__import__

        def without(name: str, *arguments: object, **options: object) -> object:
            if name == "pandas":
                raise ImportError(name)
            return real(name, *arguments, **options)

        monkeypatch.setattr(builtins, "__import__", without)
    else:

        def refuse(path: Path) -> None:
            raise ImportError("pyarrow")

        monkeypatch.setattr(pd, "read_parquet", refuse)
    with pytest.raises(
        MissingExtraError, match=f'{extra}, which is not installed. Try: pip install "pellucid.tables."'
    ):
        load(tmp_path / "a.parquet")


def test_a_new_table_is_encoded_with_the_columns_of_the_training(path: Path) -> None:
    write(path, "colour,other,size,y", "red,2020-01-01,1.5,3", "green,,2,4")
    X, labels = encode_table(path, COLUMNS)
    assert X.tolist() == [[1.5, 0, 1], [2, 1, 0]]
    assert labels is None
    X, labels = encode_table(pd.read_csv(path), COLUMNS, "y")
    assert labels is not None
    assert labels.tolist() == [3, 4]


def test_the_categories_of_a_frame_are_words_even_if_they_are_numbers() -> None:
    X, _ = encode_table(pd.DataFrame({"a": pd.Categorical([4, 3])}), [Column("a", ("3", "4"))])
    assert X.tolist() == [[0, 1], [1, 0]]


def test_words_that_look_like_numbers_stay_words(path: Path) -> None:
    write(path, "zip", "01067", "1067")
    X, _ = encode_table(path, [Column("zip", ("01067", "1067", "A"))])
    assert X.tolist() == [[1, 0, 0], [0, 1, 0]]
    X, _ = encode_table(pd.DataFrame({"zip": [1067]}), [Column("zip", ("01067", "1067", "A"))])
    assert X.tolist() == [[0, 1, 0]]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["siz,colour", "1,red"], "lacks the columns 'size'. Did you mean 'siz'"),
        (["a", "1"], "lacks the columns 'size', 'colour'"),
        (
            ["size,colour", "1,red", "1,rde"],
            "'colour' of .* holds 'rde' in row 2, which training never saw; expected "
            "one of 'green', 'red'. Did you mean 'red'",
        ),
        (["size,colour", "big,red"], "column 'size' of .* holds words; expected numbers, as in training"),
        (["size,colour", ",red"], "column 'size' of .* has no value in row 1"),
        (["size,colour", "1,"], "column 'colour' of .* has no value in row 1"),
    ],
)
def test_a_new_table_that_does_not_fit_is_refused(path: Path, rows: list[str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        encode_table(write(path, *rows), COLUMNS)


def test_a_table_to_evaluate_on_is_read_with_the_classes_of_the_training(path: Path) -> None:
    write(path, "size,colour,label", "1,red,b", "2,red,a")
    X, y = read_labelled(path, COLUMNS, ("a", "b", "c"))
    assert (X.shape, y.tolist(), y.dtype) == ((2, 3), [1, 0], np.int64)
    write(path, "size,colour,y,kind", "1,red,5,01", "2,red,5,1")
    assert read_labelled(path, [*COLUMNS, Column("y")], ("01", "1", "A"), "kind")[1].tolist() == [0, 1]
    write(path, "size,colour,y,class", "1,red,5,01", "2,red,5,1")
    assert read_labelled(path, [*COLUMNS, Column("y")], ("01", "1", "A"))[1].tolist() == [0, 1]
    write(path, "size,colour,label", "1,red,7.0", "2,red,3")
    assert read_labelled(path, COLUMNS, (3, 7))[1].tolist() == [1, 0]
    with pytest.raises(
        DataError, match=r"'label' of .* holds 7 in row 1, which is none of the classes; expected one of 3, 8"
    ):
        read_labelled(path, COLUMNS, (3, 8))


@pytest.mark.parametrize(("no", "yes"), [("FALSE", "TRUE"), ("false", "true"), ("False", "TRUE")])
def test_truth_values_are_the_same_classes_in_training_and_evaluation(path: Path, no: str, yes: str) -> None:
    dataset = load(write(path, "a,y", *[f"{n},{(no, yes)[n % 2]}" for n in range(10)]))
    assert (dataset.classes, dataset.columns) == (("False", "True"), (Column("a"),))
    assert read_labelled(path, [Column("a")], dataset.classes)[1].tolist() == [0, 1] * 5
    assert read_labelled(pd.read_csv(path), [Column("a")], dataset.classes)[1].tolist() == [0, 1] * 5
    with pytest.raises(DataError, match=r"'y' of .* holds 'perhaps' in row 2, which is none of the classes"):
        read_labelled(write(path, "a,y", f"1,{yes}", "2,perhaps"), [Column("a")], dataset.classes)


def test_words_that_only_look_like_truth_values_stay_words(path: Path) -> None:
    write(path, "a,y", "1,FALSE", "2,TRUE")
    assert read_labelled(path, [Column("a")], ("FALSE", "TRUE"))[1].tolist() == [0, 1]
    with pytest.raises(DataError, match=r"holds 'FALSE' in row 1, which is none of the classes"):
        read_labelled(path, [Column("a")], ("False", "True", "unknown"))


def test_what_load_gives_encodes_the_same_file_the_same(path: Path) -> None:
    fruit().to_csv(path, index=False)
    table = load(path)
    assert table.columns is not None
    X, y = read_labelled(path, table.columns, table.classes)
    np.testing.assert_array_equal(np.sort(X[:, 0]), np.sort(np.r_[table.X_train[:, 0], table.X_test[:, 0]]))
    np.testing.assert_array_equal(X[:, 2], y)


def test_as_many_words_as_allowed_are_allowed(path: Path) -> None:
    write(path, "a,y", *[f"w{n},{n % 2}" for n in range(MOST_CATEGORIES)])
    assert load(path).X_train.shape == (800, 1000)


def test_words_that_are_numbers_now_and_then_stay_words(path: Path) -> None:
    codes = [f"{n}{'A' if n % 3 else ''}" for n in range(60)]
    path.write_text(
        "\n".join(
            ["code,children,label", *(f"{code},{['1', '2', '3+'][n % 3]},{n % 2}" for n, code in enumerate(codes))]
        )
    )
    assert [len(column.categories or ()) for column in load(path).columns or ()] == [60, 3]
