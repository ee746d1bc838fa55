"""Text of the program's that tries to be more than text: on the page, in the notebook, in Markdown and in SARIF."""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import reported
from browsing import overflow, visit
from flatline.report.html import render
from flatline.report.markdown import as_markdown
from flatline.report.notebook import as_html
from flatline.report.visible import visible

if TYPE_CHECKING:
    from playwright.sync_api import Browser

SCRIPT = "window.taken = true; document.title = 'taken'"
HOSTILE = {
    "script": f"<script>{SCRIPT}</script>",
    "end of script": f"</script><script>{SCRIPT}</script><!-- ",
    "attributes": f""""><img src=x onerror="{SCRIPT}">' onmouseover='{SCRIPT}' x='""",
    "elements": "</style><style>*{display:none}</style> <a href=//example.org>a</a> <iframe src=//example.org></iframe>",
    "template": "{{ 7 * 7 }}{% raw %}${7*7}#{7}",
    "markdown": "**b** [l](http://example.org) ![i](http://example.org/i.png) `c` @someone #1 </details> | x |",
    "direction": "\u202etxet\u202c العربية עברית 🤖👩‍👩‍👧‍👦 é",
    "control": "a\x00b\x1b[31mc\x07d\x9be\u2028f\u2029g\x7fh\ufeff",
    "long": "w" * 3000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_on_the_page(name: str, chromium: Browser, tmp_path: Path) -> None:
    """It is there to be read, and nothing of it took effect: no script, no request, no element of its own."""
    text = HOSTILE[name]
    path = tmp_path / "report.html"
    path.write_text(render(reported.recording(text), reported.verdict(text), f"/runs/{text}.sqlite"), encoding="utf-8")
    with visit(chromium, path.as_uri(), viewport={"width": 360, "height": 700}) as page:
        page.wait_for_selector("html[data-drawn]", state="attached")
        page.locator("#layers summary").click()
        for button in page.locator("#layers .controls button").all():
            button.click()
        page.locator("#loss .chart").press("End")
        assert page.evaluate("window.taken") is None
        assert page.title() != "taken"
        found = page.evaluate(
            "[...document.querySelectorAll('img, iframe, a, script, style, form, object')].map(e => e.tagName)"
        )
        assert sorted(found) == ["A", "SCRIPT", "SCRIPT", "SCRIPT", "STYLE"]
        handlers = page.evaluate(
            "[...document.querySelectorAll('*')].flatMap(e => e.getAttributeNames()).filter(n => n.startsWith('on'))"
        )
        assert handlers == []
        assert overflow(page) == 0
        assert page.locator(".row.guilty .n").all_inner_texts() == ["16"]
        assert "loss = torch.log(criterion(model(x), y))" in page.locator(".row.guilty code").inner_text()
        shown = page.evaluate("document.body.textContent")
        wanted = visible(text)[:300]
        # Summary, symptom, mark, source, cause, experiment, fix, ruled out, expected, untested, failure, labels …
        assert squeezed(shown).count(squeezed(wanted)) >= 25
        assert page.locator("h1").inner_text().strip()


def squeezed(text: str) -> str:
    return re.sub(r"\s", "", text)


@pytest.mark.parametrize("name", HOSTILE)
def test_in_a_notebook(name: str) -> None:
    text = HOSTILE[name]
    shown = as_html(reported.verdict(text))
    tags = {tag.lower() for tag in re.findall(r"<\s*/?\s*([a-zA-Z]+)", shown)}
    assert tags <= {
        "style",
        "div",
        "span",
        "b",
        "bdi",
        "code",
        "table",
        "tr",
        "td",
        "details",
        "summary",
        "svg",
        "path",
    }
    assert not re.search(r"<[^>]*\son\w+\s*=", shown)
    body = html.unescape(re.sub(r"<[^>]*>", "", shown))
    assert squeezed(body).count(squeezed(visible(text)[:300])) >= 10
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", shown)


@pytest.mark.parametrize("name", HOSTILE)
def test_in_markdown(name: str) -> None:
    """Read by an independent parser of GitHub-flavoured Markdown: the text is text, and nothing else came of it."""
    markdown_it = pytest.importorskip("markdown_it")
    parser = markdown_it.MarkdownIt("gfm-like", {"html": True, "linkify": False})
    text = HOSTILE[name]
    shown = as_markdown(reported.verdict(text))
    plain = parser.parse(as_markdown(reported.verdict("text")))
    tokens = parser.parse(shown)
    assert kinds(tokens) == kinds(plain)
    words = squeezed("".join(t.content if t.type in ("text", "code_inline") else "" for t in leaves(tokens)))
    wanted = squeezed(visible(text)[:250])
    assert words.replace("\u200b", "").count(wanted.replace("\u200b", "")) >= 10
    # What GitHub makes links and mentions of in text: none is left.
    prose = "".join(t.content for t in leaves(tokens) if t.type == "text")
    assert not re.search(r"@\w|#\d|https?://|www\.", prose)


def leaves(tokens: list) -> list:  # type: ignore[type-arg]
    return [leaf for token in tokens for leaf in (leaves(token.children) if token.children else [token])]


def kinds(tokens: list) -> list[str]:  # type: ignore[type-arg]
    """The structure: what kinds of elements there are, in order; text of several kinds counts as one."""
    found = [token.type for token in tokens if token.type != "inline"]
    inner = [t.type for t in leaves(tokens) if t.type not in ("text", "text_special", "softbreak", "entity")]
    return found + inner
