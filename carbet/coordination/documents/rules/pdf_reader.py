"""Read one PDF from standard input, in a process of its own: `words`, `count` or `page` number.

Memory and time are bounded before a byte is read; what kills this process kills nothing else.
"""

import io
import json
import resource
import sys

MOST_PAGES = 60
_MEMORY = 1536 * 1024 * 1024
_CPU_SECONDS = 15
_WIDTH = 1240
_MOST_SIGNS = 400_000


def main() -> None:
    """Answer on standard output."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_SECONDS, _CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    import pypdfium2

    what, number = sys.argv[1], int(sys.argv[2])
    document = pypdfium2.PdfDocument(sys.stdin.buffer.read())
    if what == "count":
        answer = json.dumps(len(document)).encode()
    elif what == "words":
        answer = _words(document).encode("utf-8", "replace")
    else:
        answer = _page(document[number - 1])
    sys.stdout.buffer.write(answer)


def _words(document) -> str:
    said: list[str] = []
    for index in range(min(len(document), MOST_PAGES)):
        said.append(document[index].get_textpage().get_text_bounded())
        if sum(map(len, said)) > _MOST_SIGNS:
            break
    return "\n".join(said)[:_MOST_SIGNS]


def _page(page) -> bytes:
    width, height = page.get_size()
    scale = min(_WIDTH / max(width, 1), 4000 / max(height, 1), 4)
    written = io.BytesIO()
    page.render(scale=scale).to_pil().convert("RGB").save(written, "PNG")
    return written.getvalue()


if __name__ == "__main__":
    main()
