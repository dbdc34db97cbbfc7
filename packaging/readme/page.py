"""README.md, taken apart: its blocks of code with their language, heading and line, the commands in them, its links.

A shell block is a fence of `sh`; a session is an indented block that begins with `$ `, its output below the command
(`...` for what is left out). Every other indented block, and a fence of a language that is not known here, is a mistake
of the page, so that no command can hide from the test. What looks like a command with its words within a sentence or a
table is one too.
"""
import collections
import pathlib
import re
import textwrap
import tomllib

TOP = pathlib.Path(__file__).resolve().parents[2]
README = TOP / 'README.md'

# Languages that hold no commands of ours; what they hold is looked at for commands all the same.
OTHERS = {'text', 'json', 'ini', 'nginx', 'caddyfile', 'yaml'}
LOOKS_LIKE_A_COMMAND = re.compile(
    r'\s*(\$ |sudo |\./dev |uringd |curl |apt|dpkg|podman |docker |systemctl |journalctl |meson |ninja |kill |'
    r'build/|PATH=|chown |ln |man |python3 |sh |ssh |systemd-)')

Block = collections.namedtuple('Block', 'language heading line text')
Command = collections.namedtuple('Command', 'text heading line output')  # output: None, or the lines below it


class Mistake(Exception):
    """Something that the page must not have."""


def blocks(page):
    """All blocks of code in their order; what stands before the first heading of level 2 has the heading ''."""
    heading, lines, number, before = '', page.split('\n'), 0, ''
    while number < len(lines):
        line, start = lines[number], number + 1
        fence = re.match(r'( *)```(\S*)$', line)
        if fence:
            end = next((n for n in range(start, len(lines)) if lines[n] == fence[1] + '```'), None)
            if end is None:
                raise Mistake(f'line {start}: a fence without an end')
            if fence[2] not in OTHERS | {'sh', 'toml'}:
                raise Mistake(f'line {start}: a fence of {fence[2] or "no language"}')
            text = textwrap.dedent('\n'.join(lines[start:end])) + '\n'
            if fence[2] in OTHERS and fence[2] != 'ini' and any(map(LOOKS_LIKE_A_COMMAND.match, text.split('\n'))):
                raise Mistake(f'line {start}: a command in a block of {fence[2]}')
            yield Block(fence[2], heading, start + 1, text)
            number = end
        elif line.startswith('    ') and not before:
            end = next(n for n in range(number, len(lines)) if not lines[n].startswith('    '))
            if not line.startswith('    $ '):
                raise Mistake(f'line {start}: an indented block that begins with no `$ `: fence it')
            yield Block('session', heading, start, textwrap.dedent('\n'.join(lines[number:end])) + '\n')
            number = end - 1
        elif line.startswith('#'):
            heading = line.lstrip('# ')
        before = lines[number]
        number += 1


def bare(command):
    """Without what explains it: a comment behind two spaces or a tab's worth, or a line of its own."""
    return re.sub(r'(^|\s+)# .*$', '', command).strip()


def commands(page):
    for block in blocks(page):
        if block.language not in ('sh', 'session'):
            continue
        lines = [(n, line) for n, line in enumerate(block.text.split('\n'), block.line)]
        output = [] if block.language == 'session' else None
        joined, first = '', 0
        found = []
        for number, line in lines:
            if block.language == 'session' and not joined and not line.startswith('$ '):
                if found and line:
                    found[-1].output.append(line)
                continue
            first = first or number
            joined += line.removeprefix('$ ') if not joined else ' ' + line.strip()
            if joined.endswith('\\'):
                joined = joined[:-1].rstrip()
                continue
            if bare(joined):
                found.append(Command(bare(joined), block.heading, first, None if output is None else []))
            joined, first = '', 0
        yield from found


def inline(page):
    """The commands in sentences and tables, each once, but for those that a block has too."""
    seen = {command.text for command in commands(page)}
    blank = prose(page, lambda block: '\n' * block[0].count('\n'))
    blank = re.sub(r'(?m)^    (?! )\S.*$', '', blank)  # sessions; what belongs to a list is indented less
    for found in re.finditer(r'(?<!`)`([^`]+)`(?!`)', blank):
        text = ' '.join(found[1].split())
        if ' ' in text and LOOKS_LIKE_A_COMMAND.match(text) and text not in seen:
            seen.add(text)
            yield Command(text, '', blank[:found.start()].count('\n') + 1, None)


def all_commands(page):
    return sorted([*commands(page), *inline(page)], key=lambda command: command.line)


def configurations(page):
    """The blocks of TOML, by name: the heading's first word and a number."""
    counts = collections.Counter()
    for block in blocks(page):
        if block.language == 'toml':
            word = re.sub(r'\W', '', block.heading.lower().split()[0])
            counts[word] += 1
            yield f'{word}-{counts[word]}', block


def prose(page, instead=''):
    """The page without its blocks of code."""
    return re.sub(r'(?ms)^ *```.*?^ *```$', instead, page)


def anchors(page):
    """As GitHub makes them of headings."""
    return {re.sub(r'[^\w\- ]', '', line.lstrip('# ').lower()).replace(' ', '-')
            for line in prose(page).split('\n') if line.startswith('#')}


def texts_of(value, key):
    """All strings below the key `key`, wherever it stands."""
    if isinstance(value, dict):
        for name, below in value.items():
            if name == key:
                yield from [below] if isinstance(below, str) else below.values() if isinstance(below, dict) else []
            yield from texts_of(below, key)
    elif isinstance(value, list):
        for below in value:
            yield from texts_of(below, key)


def complete(text):
    """A block that speaks of a site's rules alone is part of a [[site]]."""
    if 'site' in tomllib.loads(text) and '[[site]]' not in text:
        return '[[site]]\n' + text
    return text


def lay_out(directory, text, top):
    """Writes `text` as directory/config.toml and makes what it names; absolute paths are below `top`."""
    directory.mkdir(parents=True, exist_ok=True)
    known = tomllib.loads(text)

    def place(path):
        return top / path.lstrip('/') if path.startswith('/') else directory / path

    for path in [*texts_of(known, 'root'), *texts_of(known, 'mounts')]:
        if not place(path).is_symlink():
            place(path).mkdir(parents=True, exist_ok=True)
    if not list(texts_of(known, 'root')):
        (directory / 'www').mkdir(exist_ok=True)
    for path in texts_of(known, 'file'):
        place(path).parent.mkdir(parents=True, exist_ok=True)
        place(path).write_text('old new\n', encoding='utf-8')
    for path in texts_of(known, 'token_file'):
        place(path).parent.mkdir(parents=True, exist_ok=True)
        place(path).write_text('0123456789abcdef0123456789abcdef\n', encoding='utf-8')
        place(path).chmod(0o600)
    (directory / 'config.toml').write_text(text, encoding='utf-8')
