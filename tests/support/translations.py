"""What the package has to say, and what its catalogs make of it. Without gettext's programs."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po
from django.utils.translation.template import templatize

import django_multisession

PACKAGE = Path(django_multisession.__file__).parent
TEMPLATES = sorted(PACKAGE.glob("templates/**/*.html"))
MODULES = [each for each in sorted(PACKAGE.glob("**/*.py")) if each.parent.name != "migrations"]
LANGUAGES = sorted(path.name for path in (PACKAGE / "locale").iterdir())

KEYWORDS = {  # name -> which arguments are texts, and which one is the context ("c")
    "_": None,
    "gettext": None,
    "ngettext": (1, 2),
    "pgettext": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
}
KEYWORDS |= {f"{name}_lazy": which for name, which in KEYWORDS.items() if name != "_"}

Key = tuple[str | None, str]  # context and text; of a text with a plural, its singular
Texts = tuple[str, ...]  # the text, or singular and plural

# In Python: arguments and attributes that people read, and what is called with such.
READ = {"description", "help_text", "label", "search_help_text", "short_description", "title"}
READ |= {"verbose_name", "verbose_name_plural"}
TELLING = {"ValidationError", "add_message", "message_user", "tell"}
ATTRIBUTES = {"alt", "aria-description", "aria-label", "placeholder", "title", "value"}
NO_TEXT = [
    r"{% comment\b.*?{% endcomment %}",
    r"{% blocktranslate\b.*?{% endblocktranslate %}",
    r"{%.*?%}",
    r"{{.*?}}",
    r"{#.*?#}",
]
NOT_TEXT = re.compile("|".join(NO_TEXT), re.DOTALL)
LETTER = re.compile(r"[^\W\d_]")


# What is marked


def marked() -> dict[Key, Texts]:
    """As `makemessages` would find it: a text that also has a plural is one message."""
    found: dict[Key, Texts] = {}
    for path in [*MODULES, *TEMPLATES]:
        for context, texts in _marked_in(path):
            key = (context, texts[0])
            found[key] = max(found.get(key, ()), texts, key=len)
    return found


def _marked_in(path: Path) -> Iterator[tuple[str | None, Texts]]:
    source = path.read_text()
    if path.suffix == ".html":  # what becomes of it is Python, but for where lines begin
        source = "\n".join(line.strip() for line in templatize(source).splitlines())
    for _, texts, _, context in extract("python", BytesIO(source.encode()), KEYWORDS):
        yield context, _tuple(texts)


def _tuple(texts: str | tuple[str, ...] | list[str]) -> Texts:
    return (texts,) if isinstance(texts, str) else tuple(texts)


# What is translated


def po_path(language: str) -> Path:
    return PACKAGE / "locale" / language / "LC_MESSAGES" / "django.po"


def po(language: str) -> Catalog:
    """Forms of a plural that are not there are empty; too many raise an error."""
    with po_path(language).open("rb") as file:
        return read_po(file, abort_invalid=True)


def mo(language: str) -> Catalog:
    with po_path(language).with_suffix(".mo").open("rb") as file:
        return read_mo(file)


def translated(catalog: Catalog) -> dict[Key, tuple[Texts, Texts]]:
    """The texts, and what they are in its language: as many as that has forms."""
    found = {}
    for message in catalog:
        context, texts = message.context, _tuple(message.id)
        if isinstance(context, bytes):  # as `read_mo` leaves it
            context = context.decode()
        found[context, texts[0]] = (texts, _tuple(message.string))
    del found[None, ""]  # the header
    return found


# What is not marked


class _Reader(HTMLParser):
    """Collects what a page shows, or reads out."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        is_hidden = ("type", "hidden") in attrs or tag == "button"
        texts = [text or "" for name, text in attrs if name in ATTRIBUTES]
        self.texts += [] if is_hidden else texts

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def untranslatable(template: str) -> list[str]:
    """Texts of it that stand there as they are. Entities and punctuation are no texts."""
    reader = _Reader()
    reader.feed(NOT_TEXT.sub("", template))
    reader.close()
    return [text.strip() for text in reader.texts if LETTER.search(text)]


def unmarked(module: str) -> list[str]:
    """Texts in Python that people would read as they are."""
    found = []
    for node in ast.walk(ast.parse(module)):
        if isinstance(node, ast.Call):
            found += [each.value for each in node.keywords if each.arg in READ]
            found += node.args if _name(node.func) in TELLING else []
        elif isinstance(node, ast.Assign):
            found += [node.value for target in node.targets if _name(target) in READ]
    texts = [node.value for node in found if isinstance(node, ast.Constant)]
    return [text for text in texts if isinstance(text, str) and LETTER.search(text)]


def _name(node: ast.AST) -> str:
    return getattr(node, "attr", None) or getattr(node, "id", "")
