"""Which files the paths of clients mean."""

from __future__ import annotations

import pytest

from llmengine_integrations.engine.local_paths import LocalPaths, PathNotAllowedError


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "data"
    (folder / "files").mkdir(parents=True)
    return folder


@pytest.fixture
def more(tmp_path):
    folder = tmp_path / "more"
    folder.mkdir()
    return folder


@pytest.fixture
def paths(data, more):
    return LocalPaths(data, [more])


def test_relative_paths_are_below_the_shared_folder(paths, data):
    assert paths.resolve("a/b.json", writing=True) == data / "batches" / "a" / "b.json"
    assert paths.resolve("x/../b.json") == data / "batches" / "b.json"


def test_whole_paths_and_urls(paths, data, more):
    for writing in (False, True):
        assert paths.resolve(str(data / "batches" / "ä b.json"), writing=writing) == data / "batches" / "ä b.json"
        assert paths.resolve((more / "a%b.json").as_uri(), writing=writing) == more / "a%b.json"
        assert paths.resolve(f"file://localhost{more}/x", writing=writing) == more / "x"


def test_what_the_engine_keeps_can_be_read_but_not_written(paths, data):
    assert paths.resolve(str(data / "train.csv")) == data / "train.csv"
    for name in ("engine.sqlite3", "files/file-1", "../data/lock", "batches"):
        with pytest.raises(PathNotAllowedError, match="--allow-path"):
            paths.resolve(str(data / name), writing=True)


def test_allowing_a_folder_around_it_changes_nothing_of_that(data, tmp_path):
    paths = LocalPaths(data, [tmp_path])
    assert paths.resolve(str(tmp_path / "x"), writing=True) == tmp_path / "x"
    with pytest.raises(PathNotAllowedError):
        paths.resolve(str(data / "engine.sqlite3"), writing=True)


@pytest.mark.parametrize("writing", [False, True])
@pytest.mark.parametrize(
    "text",
    [
        "../../secret",
        "/etc/passwd",
        "a/../../../../etc/passwd",
        "file:///etc/passwd",
        "file:///etc/../etc/passwd",
        "file://elsewhere/etc/passwd",
        "file:///%00",
        "file://",
        "s3://bucket/key",
        "gs://bucket/key",
        "azure://a/b",
        "https://127.0.0.1/x",
        "S3://bucket/key",
        "",
        "a\0b",
        "\udcff",
        "x" * 5000,
        "x/" * 200 + "x",
    ],
)
def test_paths_elsewhere_are_refused(paths, text, writing):
    with pytest.raises(PathNotAllowedError) as refused:
        paths.resolve(text, writing=writing)
    assert str(refused.value).count("\n") == 0
    assert len(str(refused.value)) < 600


def test_links_are_followed_first(paths, data, more, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("x")
    (data / "batches" / "link").symlink_to(secret)
    (data / "batches" / "folder").symlink_to(tmp_path)
    (more / "inside").symlink_to(data / "engine.sqlite3")
    (data / "batches" / "good").symlink_to(more / "out.json")
    for text in ("link", "folder/secret", str(more / "inside")):
        with pytest.raises(PathNotAllowedError):
            paths.resolve(text, writing=True)
    assert paths.resolve("good", writing=True) == more / "out.json"


def test_a_folder_beside_with_the_same_beginning(paths, more):
    with pytest.raises(PathNotAllowedError):
        paths.resolve(f"{more}2/x")
