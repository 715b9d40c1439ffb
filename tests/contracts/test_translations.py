"""The package's translations: complete, compiled, and without unmarked texts."""

from __future__ import annotations

import re
import unicodedata

import pytest
from django.utils.translation import gettext, ngettext, override, to_language

from support import translations
from support.admin_site import PAGE as SESSIONS
from support.device_pages import PAGE as DEVICES
from support.translations import LANGUAGES, MODULES, TEMPLATES, mo, po, po_path, translated

every_language = pytest.mark.parametrize("language", LANGUAGES)

HEADER = ["Project-Id-Version", "Language", "MIME-Version", "Content-Type"]
HEADER += ["Content-Transfer-Encoding", "Plural-Forms"]
# Parts that a translation must keep: placeholders, markup, and examples of input.
FIXED = re.compile(
    r"%\(\w+\)[a-z]|%[a-z%]|<[^>]*>|&\w+;|[A-Z]+_[A-Z_]+|\buser:42\b|\d+\.\d+[\d./]+"
)

FIRST = "You stay signed in. {{ n }} more:"
MARKED = [
    ("{% translate 'Save' %}", []),
    ("<p>{% blocktranslate count n=n %}one{% plural %}two{% endblocktranslate %}…</p>", []),
    ("{% comment %}Why{% endcomment %}{# Why #}<b id='words'>&nbsp;3 ({{ number }})</b>", []),
    (f"<p>{FIRST}</p>", ["You stay signed in.  more:"]),
    ('<nav aria-label="Pages {{ n }}" class="no text">', ["Pages"]),
    ('<input type="submit" value="Go"><input type="hidden" value="text">', ["Go"]),
    ('<button name="reveal" value="yes"></button>', []),
]


@pytest.fixture(scope="module")
def marked():
    return translations.marked()


def test_the_languages_there_are():
    assert {"de", "es", "fr", "zh_Hans"} <= {*LANGUAGES}


def test_messages_are_found_wherever_they_are_marked(marked):
    assert len(marked) > 100
    assert marked[None, "Reason"] == ("Reason",)  # Python, lazy
    assert marked[None, "Rename"] == ("Rename",)  # a template
    assert len(marked[None, "%(number)d session ended."]) == 2  # Python, with a plural
    assert len(marked[None, "%(grouped)s session."]) == 2  # a template, with a plural
    assert ("estimate", "≈ %(number)s") in marked


# Catalogs


@every_language
def test_everything_is_translated(marked, language):
    there = {key: texts for key, (texts, _) in translated(po(language)).items()}
    assert {key: texts for key, texts in marked.items() if there.get(key) != texts} == {}


@every_language
def test_nothing_is_translated_that_is_no_longer_there(marked, language):
    catalog = po(language)
    assert translated(catalog).keys() - marked.keys() == set()
    assert not catalog.obsolete


@every_language
def test_no_translation_is_empty_or_a_guess(language):
    catalog = po(language)
    assert [message.id for message in catalog if message.id and message.fuzzy] == []
    texts = translated(catalog)
    assert [key for key, (_, forms) in texts.items() if not all(map(str.strip, forms))] == []


@every_language
def test_what_is_compiled_is_what_is_written(language):
    """CONTRIBUTING says how to compile a changed catalog."""
    written, compiled = po(language), mo(language)
    assert translated(compiled) == translated(written)
    assert compiled.plural_forms == written.plural_forms


@every_language
def test_placeholders_stay_as_they_are(language):
    for texts, forms in translated(po(language)).values():
        expected = sorted(FIXED.findall(texts[-1]))
        assert [sorted(FIXED.findall(form)) for form in forms] == [expected] * len(forms), texts


@every_language
def test_texts_end_as_they_do_in_english(language):
    """The final punctuation must match, because text may be appended."""
    for texts, forms in translated(po(language)).values():
        for form in forms:
            assert end(form) == end(texts[-1]), form


def end(text):
    """Return the final punctuation mark as its English equivalent, or an empty string."""
    last = unicodedata.normalize("NFKC", text[-1:]).replace("。", ".")
    return last if last in ".?:;" else ""


@every_language
def test_a_catalog_begins_with_what_lasts(language):
    """The header has no dates, names or comments, which would change with every makemessages."""
    head = po_path(language).read_text().partition("\n\n")[0]
    assert head.startswith('msgid ""\nmsgstr ""\n"')
    assert re.findall(r'^"([\w-]+): ', head, re.MULTILINE) == HEADER
    assert f'"Language: {language}\\n"' in head


@every_language
def test_django_finds_them(language):
    there = translated(po(language))
    with override(to_language(language)):
        assert (gettext("Your devices"),) == there[None, "Your devices"][1]
        one, many = "%(number)d session ended.", "%(number)d sessions ended."
        assert ngettext(one, many, 1) == there[None, one][1][0]
        assert ngettext(one, many, 5) == there[None, one][1][-1]


# Unmarked texts


@pytest.mark.parametrize(("template", "texts"), MARKED)
def test_what_counts_as_a_text_of_a_template(template, texts):
    assert translations.untranslatable(template) == texts


def test_no_text_of_a_template_stays_english():
    assert {p.name: t for p in TEMPLATES if (t := translations.untranslatable(p.read_text()))} == {}


def test_what_counts_as_a_text_in_python():
    module = 'A(label="Name", name="no")\ntitle = "Title"\nraise ValidationError("Wrong", code=1)'
    assert translations.unmarked(module) == ["Title", "Name", "Wrong"]
    assert translations.unmarked('A(label=_("Name"), help_text="")\ntitle = _("Title")') == []


def test_no_text_in_python_stays_english():
    assert {p.name: t for p in MODULES if (t := translations.unmarked(p.read_text()))} == {}


# Pages


def german(browser, path):
    return browser.get(path, headers={"accept-language": "de"}).content.decode()


def test_the_pages_of_devices_in_german(home, mine):
    page = german(mine, DEVICES)
    assert '<html lang="de"' in page
    assert "<h1>Ihre Geräte</h1>" in page
    assert "Dieses Gerät" in page


def test_the_session_browser_in_german(office):
    page = german(office.root(), SESSIONS)
    assert '<html lang="de' in page
    assert "<h1>Sitzungen</h1>" in page
    assert "Überall abmelden" in page
