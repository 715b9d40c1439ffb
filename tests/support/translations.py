"""The package's marked texts and its catalogs, read without the gettext programs."""

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
MODULES = [path for path in sorted(PACKAGE.glob("**/*.py")) if path.parent.name != "migrations"]
LANGUAGES = sorted(path.name for path in (PACKAGE / "locale").iterdir())

KEYWORDS = {  # name -> the arguments that are texts, and the context ("c")
    "_": None,
    "gettext": None,
    "ngettext": (1, 2),
    "pgettext": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
}
KEYWORDS |= {f"{name}_lazy": which for name, which in KEYWORDS.items() if name != "_"}

Key = tuple[str | None, str]  # context and text; of a text with a plural, its singular
Texts = tuple[str, ...]  # the text, or singular and plural

# Arguments and attributes in Python that people read, and functions that take such texts.
READ = {"description", "help_text", "label", "search_help_text", "short_description", "title"}
READ |= {"verbose_name", "verbose_name_plural"}
TEXT_FUNCTIONS = {"ValidationError", "add_message", "message_user", "redirect_with", "tell"}
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


# Marked texts


def marked() -> dict[Key, Texts]:
    """Return all marked texts, as `makemessages` finds them.

    A text that also occurs with a plural is one message.
    """
    found: dict[Key, Texts] = {}
    for path in [*MODULES, *TEMPLATES]:
        for context, texts in _marked_in(path):
            key = (context, texts[0])
            found[key] = max(found.get(key, ()), texts, key=len)
    return found


def _marked_in(path: Path) -> Iterator[tuple[str | None, Texts]]:
    source = path.read_text()
    if path.suffix == ".html":  # templatize() makes Python of it, with other indentation
        source = "\n".join(line.strip() for line in templatize(source).splitlines())
    for _, texts, _, context in extract("python", BytesIO(source.encode()), KEYWORDS):
        yield context, _tuple(texts)


def _tuple(texts: str | tuple[str, ...] | list[str]) -> Texts:
    return (texts,) if isinstance(texts, str) else tuple(texts)


# Catalogs


def po_path(language: str) -> Path:
    return PACKAGE / "locale" / language / "LC_MESSAGES" / "django.po"


def po(language: str) -> Catalog:
    """Return the .po catalog. Missing plural forms are empty; too many raise an error."""
    with po_path(language).open("rb") as file:
        return read_po(file, abort_invalid=True)


def mo(language: str) -> Catalog:
    with po_path(language).with_suffix(".mo").open("rb") as file:
        return read_mo(file)


def translated(catalog: Catalog) -> dict[Key, tuple[Texts, Texts]]:
    """Return each message with its texts and its translations, one for each plural form."""
    found = {}
    for message in catalog:
        context, texts = message.context, _tuple(message.id)
        if isinstance(context, bytes):  # read_mo() does not decode it
            context = context.decode()
        found[context, texts[0]] = (texts, _tuple(message.string))
    del found[None, ""]  # the header
    return found


# Unmarked texts


class _Reader(HTMLParser):
    """A parser that collects the texts that a page shows or a screen reader reads."""

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
    """Return the texts of a template that are not marked. Entities and punctuation do not count."""
    reader = _Reader()
    reader.feed(NOT_TEXT.sub("", template))
    reader.close()
    return [text.strip() for text in reader.texts if LETTER.search(text)]


def unmarked(module: str) -> list[str]:
    """Return the unmarked texts in Python code that people would read."""
    found = []
    for node in ast.walk(ast.parse(module)):
        if isinstance(node, ast.Call):
            found += [keyword.value for keyword in node.keywords if keyword.arg in READ]
            found += node.args if _name(node.func) in TEXT_FUNCTIONS else []
        elif isinstance(node, ast.Assign):
            found += [node.value for target in node.targets if _name(target) in READ]
    texts = [node.value for node in found if isinstance(node, ast.Constant)]
    return [text for text in texts if isinstance(text, str) and LETTER.search(text)]


def _name(node: ast.AST) -> str:
    return getattr(node, "attr", None) or getattr(node, "id", "")
