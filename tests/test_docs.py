"""What the pages say of the program is so: links, settings with their defaults, commands with their options, files, columns."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import typer
from pydantic import BaseModel
from typer.core import TyperGroup

from video_assets.cli.app import app
from video_assets.core.schema import TRAINING
from video_assets.definitions import build_defs
from video_assets.settings.model import Settings
from video_assets.storage.layout import Layout

ROOT = Path(__file__).parents[1]
PAGES = {
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
    for path in sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
}
DEFAULTS = Settings(data_root="/nowhere")
SECTIONS = {name: section for name, section in vars(DEFAULTS).items() if isinstance(section, BaseModel)}
# Pages on which a setting may stand without its section.
SECTION_OF = {
    "openvid.md": "openvid",
    "miradata.md": "miradata",
    "own-clips.md": "own_clips",
    "hub-dataset.md": "hub",
    "slurm.md": "slurm",
}


def of_docs() -> Iterator[tuple[str, str]]:
    """The pages that people wrote, all but the generated one."""
    return ((name, text) for name, text in PAGES.items() if name != "docs/settings.md")


def code_of(text: str) -> list[str]:
    """Lines of code blocks, and code inside sentences."""
    blocks = [line for block in re.findall(r"```\w*\n(.*?)```", text, re.DOTALL) for line in block.splitlines()]
    return [*blocks, *re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))]


def anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def default_of(section: str, field: str) -> object:
    """The default of a setting by its name, or by the alias under which people write it."""
    fields = type(SECTIONS[section]).model_fields
    name = next((name for name, info in fields.items() if field in {name, info.alias}), None)
    if name is None:
        raise AssertionError(f"there is no setting {section}.{field}")
    return getattr(SECTIONS[section], name)


def test_every_link_leads_to_a_file_and_a_heading():
    for name, text in PAGES.items():
        for target in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"```.*?```", "", text, flags=re.DOTALL)):
            if re.match(r"\w+:", target):
                continue
            path, _, heading = target.partition("#")
            page = (ROOT / name).parent / path if path else ROOT / name
            assert page.exists(), f"{name}: {target}"
            if heading:
                headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
                assert heading in map(anchor, headings), f"{name}: {target}"


def test_every_setting_that_a_page_names_exists():
    named = 0
    for _, text in of_docs():
        for code in code_of(text):
            for section, field in re.findall(rf"(?<![\w./-])({'|'.join(SECTIONS)})\.(\w+)", code):
                if field not in {"csv", "html", "json", "parquet", "png", "py"}:
                    default_of(section, field)
                    named += 1
    assert named > 50


def test_every_settings_file_in_the_docs_holds_settings_that_exist():
    for name, text in of_docs():
        for block in re.findall(r"```toml\n(.*?)```", text, re.DOTALL):
            for section, fields in tomllib.loads(block).items():
                if section in SECTIONS:
                    for field in fields:
                        default_of(section, field)
                elif section != "data_root":
                    default_of(SECTION_OF[Path(name).name], section)


def test_every_default_in_a_sentence_is_the_program_s():
    """`decode.lease_stale_s` (90 s): the number behind a setting is its default."""
    found = 0
    for name, text in of_docs():
        for setting, number, unit in re.findall(r"`((?:\w+\.)?\w+)` \((\d[\d,.]*)(?: ([A-Za-z]+))?\)", text):
            section, _, field = setting.rpartition(".")
            section = section or SECTION_OF.get(Path(name).name, "")
            if section in SECTIONS:
                in_unit = 1024 if unit == "GiB" and field.endswith("_mib") else 1
                assert default_of(section, field) == float(number.replace(",", "")) * in_unit, f"{name}: {setting}"
                found += 1
    assert found > 10


def test_every_variable_that_the_docs_name_is_read():
    sources = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "video_assets").rglob("*.py"))
    for name, text in PAGES.items():
        for variable in re.findall(r"VIDEO_ASSETS_([A-Z_0-9]+)", text):
            section, _, field = variable.lower().partition("__")
            if field:
                default_of(section, field)
            elif variable not in {"", "DATA_ROOT"}:
                assert f"VIDEO_ASSETS_{variable}" in sources, name


def test_every_command_in_the_docs_exists_with_its_options():
    group, seen = typer.main.get_command(app), set()
    for name, text in PAGES.items():
        for code in code_of(text):
            for words in re.findall(r"(?:^|[\s/])video-assets ([^|;&#']+)", code):
                check_command(group, words.split(), f"{name}: {code}", seen)
    assert {"run", "why", "check", "probe", "export", "census", "diff", "takedown", "status", "look"} <= seen


def check_command(command: TyperGroup, words: list[str], where: str, seen: set[str]) -> None:
    """The words lead to a command; the options behind them are its own."""
    if re.fullmatch(r"[a-z][a-z-]*", words[0]):
        assert words[0] in command.commands, where
        seen.add(words[0])
        command = command.commands[words.pop(0)]
        if hasattr(command, "commands") and words:
            check_command(command, words, where, seen)
            return
    known = {"--help", *(option for each in command.params for option in [*each.opts, *each.secondary_opts])}
    for word in words:
        if word.startswith("--"):
            assert word.partition("=")[0] in known, where


def test_every_make_target_in_the_docs_exists():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {target for text in PAGES.values() for code in code_of(text) for target in re.findall(r"^make ([a-z-]+)", code)}
    assert {"run", "ui", "test"} <= named <= targets


def test_the_table_of_rooms_leads_to_files():
    table = PAGES["CONTRIBUTING.md"].partition("I open, below `video_assets/` |")[2].partition("\n\n")[0]
    lines = [line.strip(" |").rpartition(" | ")[2] for line in table.splitlines()[2:]]
    named = [path for line in lines for path in re.findall(r"`([\w/]+(?:/|\.py))`", line)]
    folders = [(ROOT / "video_assets" / path) for path in named]
    cut = {"terminal.py", "pages.py"}  # said after their folder
    assert [path for path in folders if not path.exists() and path.name not in cut] == []
    assert len(named) > 25


def test_the_columns_of_the_table_are_told_as_they_are():
    columns = ",".join(TRAINING.names)
    assert f"`{columns}`" in PAGES["README.md"]
    assert f"`{columns}`" in PAGES["docs/results.md"]
    assert f"| {' | '.join(TRAINING.names)} |" in PAGES["README.md"]
    table = PAGES["docs/results.md"].partition("| column | meaning |\n|---|---|\n")[2].partition("\n\n")[0]
    assert [name for line in table.splitlines() for name in re.findall(r"`(\w+)`", line.split("|")[1])] == TRAINING.names


def test_the_readme_s_lineage_is_that_of_the_assets():
    line = next(line for line in PAGES["README.md"].splitlines() if line.startswith("own_clips →"))
    told = [re.sub(r"\[\d+\]", "", name.strip()) for name in line.split("→")]
    settings = Settings(data_root="/nowhere", own_clips={"folder": "/clips"})
    assets = build_defs(settings).get_repository_def().asset_graph.toposorted_asset_keys
    assert [name for name in told if name not in {key.to_user_string() for key in assets}] == []
    assert set(re.findall(r"\[(\d+)\]", line)) == {str(settings.decode.n_shards)}
    assert f"≤ {settings.filter.max_file_size_mib:g} MiB" in PAGES["README.md"]


def test_the_files_of_the_results_page_are_where_the_program_puts_them():
    layout, shard = Layout(Path("/root")), "SHARD"
    page = PAGES["docs/results.md"].partition("## The CSV")[0]
    told = set(re.findall(r"^\| `([^`]+)`", page, re.MULTILINE))
    name = Settings(data_root="/nowhere").product_name
    files = (
        layout.training_csv(name), layout.training_table(name), layout.manifest(name), layout.dropped, layout.report_page,
        layout.exclusions, layout.checked(shard), layout.verdicts(shard), layout.ledger("SOURCE"),
    )  # fmt: skip
    assert {str(path.relative_to(layout.root)) for path in files} <= told
    assert f"{layout.versions.relative_to(layout.root)}/000007/" in told
    assert {f"{folder.relative_to(layout.root)}/" for folder in (layout.report, layout.census, layout.takedowns)} <= told


def test_the_list_of_decisions_has_every_page_with_its_title_and_status():
    pages = {name: text for name, text in PAGES.items() if re.fullmatch(r"docs/decisions/\d{4}-.+", name)}
    rows = re.findall(r"^\| \[(\d{4})\]\(([^)]+)\) \| (.+) \| (.+) \|$", PAGES["docs/decisions/README.md"], re.MULTILINE)
    assert [f"docs/decisions/{file}" for _, file, _, _ in rows] == list(pages)
    for number, file, title, status in rows:
        text = pages[f"docs/decisions/{file}"]
        assert file.startswith(f"{number}-")
        assert text.startswith(f"# {title}\n")
        assert f"**Status.** {status[0].upper()}{status[1:]}".split(",", maxsplit=1)[0] in text
