"""Settings that are secrets can come from files, as containers and service managers give them."""

from __future__ import annotations

from pathlib import Path

import pytest

from lms.config import SETTINGS, BadSetting, Config, Setting
from tests.rows import each_row

VALUES = {
    "DATABASE_DIRECT_URL": "postgresql://user:word@db.example/serai",
    "DATABASE_URL": "postgresql://user:word@db.example/serai",
    "BOUNCE_URL": "imaps://user:word@mail.example/INBOX",
    "MAIL_URL": "smtp://user:word@mail.example:587?tls=required",
    "VALKEY_URL": "valkey://:word@valkey:6379/0",
}
KEY = "a-long-random-text-of-tests"


@each_row("setting", [each for each in SETTINGS if each.is_secret])
def test_a_secret_is_read_from_its_file(setting: Setting, tmp_path: Path) -> None:
    path, value = tmp_path / "secret", VALUES.get(setting.name, KEY)
    path.write_text(f"{value}\n", encoding="utf-8")
    config = Config.load({f"LMS_{setting.name}_FILE": str(path)})
    assert (getattr(config, setting.name.lower()), config.secret_files) == (value, (path,))


def test_a_process_that_is_started_with_the_same_settings_reads_no_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(KEY, encoding="utf-8")
    environment = {"LMS_SECRET_KEY_FILE": str(tmp_path / "key")}
    config = Config.load(environment | Config.load(environment).environment())
    assert (config.secret_key, config.secret_files) == (KEY, ())


def test_the_file_of_settings_names_files_too_and_the_environment_wins(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(KEY, encoding="utf-8")
    (tmp_path / "serai.env").write_text(f"LMS_SECRET_KEY_FILE={tmp_path}/key\nLMS_MEDIA_KEY=of-the-file-of-settings\n")
    environment = {"LMS_CONFIG": str(tmp_path / "serai.env"), "LMS_MEDIA_KEY_FILE": str(tmp_path / "key")}
    config = Config.load(environment)
    assert (config.secret_key, config.media_key) == (KEY, KEY)
    assert Config.load(environment | {"LMS_SECRET_KEY": "another"}).secret_key == "another"


@each_row(
    "content, more, reason",
    [
        (None, {}, "LMS_SECRET_KEY_FILE='.*' cannot be read: No such file or directory"),
        ("\n", {}, "LMS_SECRET_KEY_FILE='.*' cannot be used: the file is empty"),
        ("x", {"LMS_SECRET_KEY": "y"}, "LMS_SECRET_KEY and LMS_SECRET_KEY_FILE are both set: remove one of them"),
    ],
)
def test_a_file_that_gives_no_secret_is_refused(
    tmp_path: Path, content: str | None, more: dict[str, str], reason: str
) -> None:
    if content is not None:
        (tmp_path / "key").write_text(content, encoding="utf-8")
    with pytest.raises(BadSetting, match=f"^{reason}$"):
        Config.load({"LMS_SECRET_KEY_FILE": str(tmp_path / "key")} | more)


@each_row("line", ["LMS_SECRET_KEYS=s3cr3t", "s3cr3t"])
def test_a_line_that_is_no_setting_is_named_without_what_it_may_hold(line: str, tmp_path: Path) -> None:
    (tmp_path / "serai.env").write_text(f"# settings\n{line}\n", encoding="utf-8")
    with pytest.raises(BadSetting, match="line 2: not a setting") as refused:
        Config.load({"LMS_CONFIG": str(tmp_path / "serai.env")})
    assert "s3cr3t" not in str(refused.value)
