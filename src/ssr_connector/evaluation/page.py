"""A self-contained HTML page: escaping, tables, sections, and the one style sheet."""

import html
from collections.abc import Iterable, Sequence

STYLE = """
:root { color-scheme: light dark;
  --page: #f5f6f9; --card: #ffffff; --ink: #1b1e27; --muted: #646a7a; --grid: #dfe2e9; --shade: #f0f2f7;
  --text: #1a7f4c; --ours: #2457d6; --oracle: #7d9ff0; --cascade: #c2571a; --baseline: #8a4fc4; --control: #8d93a2; }
@media (prefers-color-scheme: dark) { :root {
  --page: #14161c; --card: #1d2028; --ink: #e8eaf0; --muted: #a0a6b5; --grid: #343946; --shade: #262a34;
  --text: #5cc98f; --ours: #7ba1ff; --oracle: #5f82d6; --cascade: #f0935a; --baseline: #bd93ea; --control: #7c8394; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; }
main { max-width: 1160px; margin: 0 auto; padding: 28px 20px 60px; }
h1 { font-size: 26px; line-height: 1.25; margin: 0 0 4px; }
h2 { font-size: 18px; margin: 0 0 6px; }
p { margin: 0 0 10px; max-width: 76ch; }
.quiet { color: var(--muted); font-size: 13px; max-width: 110ch; }
.card { background: var(--card); border: 1px solid var(--grid); border-radius: 10px;
  padding: 18px 20px; margin-top: 16px; }
.lead p { font-size: 16.5px; max-width: none; }
.lead p:last-child { margin: 0; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: 14px; font-variant-numeric: tabular-nums; }
th, td { padding: 5px 12px 5px 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--grid); }
th { font-weight: 600; }
thead th { color: var(--muted); font-size: 12.5px; vertical-align: bottom; line-height: 1.25; }
td small, th small { display: block; color: var(--muted); font-size: 11px; font-weight: 400; }
td small, th small { line-height: 1.3; white-space: nowrap; }
td .chance { color: var(--cascade); }
.scores td, .scores th { padding-right: 14px; }
.scores tbody th { white-space: nowrap; }
.charts { columns: 2 440px; column-gap: 24px; }
.charts svg { break-inside: avoid; margin-bottom: 8px; }
svg { display: block; width: 100%; height: auto; }
svg text { font-family: system-ui, -apple-system, "Segoe UI", sans-serif !important; }
h3 { font-size: 14px; margin: 14px 0 4px; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 2px 16px; margin: 8px 0 0; font-size: 13px; }
dt { font-weight: 600; } dd { margin: 0; color: var(--muted); }
pre { background: var(--shade); border-radius: 6px; padding: 10px 12px; margin: 8px 0;
  overflow-x: auto; font-size: 13px; }
code { font-size: 13px; overflow-wrap: anywhere; }
details { margin-top: 10px; } summary { cursor: pointer; color: var(--muted); font-size: 13.5px; }
ul { margin: 6px 0; padding-left: 20px; }
"""


class Html(str):
    """Text that is markup already; every other string is escaped before it reaches the page."""

    __slots__ = ()


def escape(content: object) -> Html:
    """Markup as it is, anything else as text."""
    return content if isinstance(content, Html) else Html(html.escape(str(content)))


def join(parts: Iterable[object], between: str = "\n") -> Html:
    """Parts one after another."""
    return Html(between.join(escape(part) for part in parts))


def element(tag: str, content: object, classes: str = "") -> Html:
    """One element."""
    attribute = f' class="{html.escape(classes)}"' if classes else ""
    return Html(f"<{tag}{attribute}>{escape(content)}</{tag}>")


def section(heading: str, *parts: object) -> Html:
    """A card; nothing at all where every part is empty."""
    filled = [part for part in parts if part]
    return element("section", join([element("h2", heading), *filled]), "card") if filled else Html()


def table(header: Sequence[object], rows: Iterable[Sequence[object]], classes: str = "") -> Html:
    """A table whose first column names the rows; nothing where there are no rows."""
    body = [
        element("tr", join([element("th", cells[0]), *(element("td", cell) for cell in cells[1:])], ""))
        for cells in rows
    ]
    if not body:
        return Html()
    head = element("thead", element("tr", join((element("th", cell) for cell in header), "")))
    attribute = f' class="{html.escape(classes)}"' if classes else ""
    return element("div", Html(f"<table{attribute}>{head}<tbody>{join(body)}</tbody></table>"), "scroll")


def definitions(pairs: Iterable[tuple[str, str]]) -> Html:
    """Terms and what they mean."""
    return element("dl", join(join([element("dt", term), element("dd", meaning)], "") for term, meaning in pairs))


def details(label: str, content: object) -> Html:
    """Folded away until it is asked for."""
    return element("details", join([element("summary", label), content])) if content else Html()


def page(title: str, body: object) -> str:
    """The whole document."""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n"
        f"<body>\n<main>\n{escape(body)}\n</main>\n</body>\n</html>\n"
    )
