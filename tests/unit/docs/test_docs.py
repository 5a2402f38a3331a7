"""Docs tell the truth: links lead somewhere, commands exist and the cheap ones run, files shown are valid, messages exist."""

from __future__ import annotations

import ast
import os
import re
import shlex
from functools import cache
from pathlib import Path

import pytest
import yaml

from dagster_pipeline.__main__ import COMMANDS, main, parser_for
from dagster_pipeline.schema.document import read_document
from dagster_pipeline.schema.json_schema import FORMATS
from dagster_pipeline.schema.loader import SchemaLoader
from dagster_pipeline.schema.shape import check_shape
from dagster_pipeline.type_mapper.type_mapper import TypeMapper
from tests.unit.docs.pages import PAGES, REPOSITORY, anchors, blocks, commands, links

CHEAP = ("validate", "status", "docs")
"""Commands of ours that need nothing but files."""
OF_OTHERS = {
    "git",
    "pip",
    "dagster",
    "pre-commit",
    "docker",
    "kubectl",
    "helm",
    "curl",
    "cp",
    "cd",
    "export",
    "source",
    "alias",
    "sudo",
    "ssh",
    "openssl",
    "kill",
    "ls",
    "pg_dump",
    "pg_restore",
    "psql",
    "mysql",
    "mysqldump",
    "clickhouse-client",
}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in links(page):
        if re.match(r"[a-z]+:", link):
            assert link.startswith("https://"), link
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{page.name}: {link}"
        assert not anchor or anchor in anchors(target), f"{page.name}: {link}"


def test_every_page_is_linked_from_another() -> None:
    linked = {
        (page.parent / link.partition("#")[0]).resolve()
        for page in PAGES
        for link in links(page)
        if link[0] != "#"
    }
    assert [page.name for page in PAGES if page.parent.name == "docs" and page not in linked] == []


def test_the_page_on_architecture_names_every_room_and_no_other() -> None:
    text = (REPOSITORY / "docs/architecture.md").read_text()
    rows = text.partition("## The rooms")[2].partition("## ")[0].splitlines()
    named = {
        Path(name).parts[0]
        for row in rows
        for name in re.findall(r"`([a-z_/]+(?:[.]py)?)`", row.partition(" | ")[0])
    }
    package = REPOSITORY / "dagster_pipeline"
    there = {path.parent.name for path in package.glob("*/__init__.py")} | {
        path.name for path in package.glob("*.py")
    }
    assert named == there - {"__init__.py", "__main__.py"}


@pytest.mark.parametrize(("page", "line"), sorted(set(commands())))
def test_every_command_exists_and_takes_these_words(page: str, line: str) -> None:
    words = shlex.split(line.removeprefix("$ "), comments=True)
    while words and re.fullmatch(r"[A-Z][A-Z0-9_]*=.*", words[0]):
        words = words[1:]
    match words:
        case ["make", *rest]:
            targets = [word for word in rest if "=" not in word]
            makefile = (REPOSITORY / "Makefile").read_text()
            assert all(re.search(rf"^{re.escape(target)}:", makefile, re.MULTILINE) for target in targets)
        case ["dagster-pipeline", *rest] | ["python", "-m", "dagster_pipeline", *rest]:
            assert parser_for(rest[0]).parse_args(rest)
        case ["python", "-m", module, *_]:
            place = REPOSITORY.joinpath(*module.split("."))
            assert place.with_suffix(".py").exists() or (place / "__main__.py").exists()
        case ["python", script, *_]:
            assert (REPOSITORY / script).exists()
        case [program, *_]:
            is_alias = any(
                other.startswith(f"alias {program}=") for where, other in commands() if where == page
            )
            assert program in OF_OTHERS or is_alias or os.access(REPOSITORY / program, os.X_OK), line


@pytest.mark.parametrize(
    "line",
    sorted(
        {
            line
            for _, line in commands()
            if re.match(rf"python -m dagster_pipeline ({'|'.join(CHEAP)})\b", line)
        }
    ),
)
def test_a_cheap_command_of_the_docs_runs(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STATE_URL", f"sqlite:///{tmp_path / 'state.sqlite'}")
    words = shlex.split(line)[3:]
    if "--check" in words:  # compares with what was written before
        assert main([word for word in words if word != "--check"]) == 0
    assert main(words) == 0
    assert capsys.readouterr().out


def test_every_command_is_documented() -> None:
    text = "\n".join(page.read_text() for page in PAGES)
    shown = [name for name in COMMANDS if f"`{name}" in text or f"dagster_pipeline {name}" in text]
    assert shown == list(COMMANDS)


KIND_OF_PAGE = {
    "apis.md": "apis",
    "clickhouse-copies.md": "clickhouse",
    "exports.md": "exports",
    "reverse-etl.md": "reverse_etl",
    "s3.md": "s3",
}
"""Pages about files that are no tables."""


def shown_files() -> list[tuple[str, str]]:
    """Whole files with columns that the docs show."""
    return [
        (block.page, block.text)
        for page in PAGES
        for block in blocks(page)
        if block.language == "yaml"
        and re.search(r"^version: 1$", block.text, re.M)
        and re.search(r"^columns:", block.text, re.M)
    ]


@pytest.mark.parametrize(
    ("page", "text"), shown_files(), ids=lambda value: value if value.endswith(".md") else ""
)
def test_a_file_that_is_shown_is_valid(page: str, text: str, tmp_path: Path) -> None:
    if page in KIND_OF_PAGE:
        document = read_document(text, page)
        shape = check_shape(FORMATS[KIND_OF_PAGE[page]].model, document.tree, damaged=document.damaged)
        assert (document.problems, shape.findings) == ([], [])
        return
    dialect = "postgres" if "character varying" in yaml.safe_dump(yaml.safe_load(text)) else "mysql"
    path = tmp_path / dialect / "shop" / "orders.yml"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    assert SchemaLoader(tmp_path, judges=(TypeMapper().problems,)).load()


@cache
def said_in_the_code() -> str:
    """Every text of the program, the fixed parts of f-strings too, joined ones joined."""
    texts: list[str] = []
    for path in (REPOSITORY / "dagster_pipeline").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.JoinedStr):
                parts = (part.value if isinstance(part, ast.Constant) else "\n" for part in node.values)
                texts.append("".join(map(str, parts)))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                texts.append(re.sub(r"\{[a-z_]+\}", "\n", node.value))
    return "\n\n".join(texts)


MESSAGES = re.findall(
    r"^\| `([^`]+)` \|", (REPOSITORY / "docs" / "troubleshooting.md").read_text(), re.MULTILINE
)


@pytest.mark.parametrize("message", MESSAGES)
def test_a_message_of_the_troubleshooting_page_is_one_of_the_program(message: str) -> None:
    for piece in message.split("…"):
        assert piece.strip() in said_in_the_code()


def test_the_troubleshooting_page_has_messages() -> None:
    assert len(MESSAGES) > 25
