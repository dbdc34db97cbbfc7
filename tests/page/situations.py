"""What the page is put through, one function a situation; each is a sentence that can be false. A Stage is one tab, one
mock and the folder for pictures; `complaints` are what run holds against a situation, unless it expects them.
"""
import json
import os
import tempfile

CHARTS = 9
ODD = ['/a b/100%.txt', '/quote"s/it\'s.html', '/<script>alert(1)</script>.html', '/ünïcode/日本語.html',
       '/q?a=1&b#c.txt', '/back\\slash.txt', '/%2e%2e/escaped.txt']


class Stage:
    def __init__(self, page, server, shots, address=''):
        self.page, self.shots = page, shots
        self.mock = server.mock if server else None
        self.address = address or f'http://127.0.0.1:{server.server_port}/'
        page.colours('light')
        page.size(1440, 900)

    def open(self, view=''):
        self.page.open(self.address + view)

    def shoot(self, name):
        self.page.shoot(os.path.join(self.shots, f'{name}.png'))

    def shoot_whole(self, name, width, scheme='light', scale=1):
        """The whole page, however long; one second is left for it to draw at its new size."""
        self.page.colours(scheme)
        self.page.size(width, 700, scale, width < 500)
        self.rest(.4)
        self.page.size(width, self.page.evaluate('document.documentElement.scrollHeight'), scale, width < 500)
        self.rest(1.1)
        wide = self.page.evaluate('document.documentElement.scrollWidth')
        assert wide <= width, f'{name}: {wide} px wide in a window of {width}'
        self.shoot(name)
        self.page.size(1440, 900)
        self.page.colours('light')

    def rest(self, seconds):
        self.page.evaluate(f'new Promise((done) => setTimeout(done, {seconds * 1000}))')

    def asked(self, method):
        return [each for each in self.mock.requests if each[0] == method]

    def expect(self, *words):
        """Complaints that belong to the situation (every 4xx is on the console) are not held against it."""
        self.page.complaints = [each for each in self.page.complaints if not any(word in each for word in words)]


def graphs_are_drawn_and_look_right_in_both_colours_and_from_360_px_on(stage):
    stage.mock.past_s = 290
    stage.open()
    stage.page.wait('!document.querySelector(".chart:not(:has(.plot path))")')
    stage.page.wait('document.querySelector("#p-bytes .line").getAttribute("d").split("L").length > 100')
    values = stage.page.evaluate('Array.from(document.querySelectorAll(".value"), (node) => node.textContent)')
    assert all(value not in ('', '–', 'NaN') for value in values), values
    assert 'NaN' not in stage.page.evaluate('document.body.innerHTML')
    assert stage.page.evaluate('document.querySelectorAll(".workers tbody tr").length') == 4
    stage.shoot_whole('live-light', 1440)
    stage.shoot_whole('live-dark', 1440, 'dark')
    stage.shoot_whole('live-wide', 2200, 'dark')
    stage.shoot_whole('live-laptop', 1180)
    stage.shoot_whole('live-tablet', 768)
    stage.shoot_whole('live-phone', 360)
    stage.shoot_whole('live-phone-dark', 360, 'dark')


def a_moment_is_read_by_pointer_and_by_keys_in_all_graphs_at_once(stage):
    stage.mock.past_s = 60
    stage.open()
    stage.page.wait('document.querySelector("#p-bytes .line")?.getAttribute("d").split("L").length > 50')
    x, y = stage.page.evaluate('''(() => {
        const box = document.querySelector("#p-requests .chart").getBoundingClientRect();
        return [box.x + box.width * 0.8, box.y + 40] })()''')
    stage.page.hover(x, y)
    stage.page.wait('document.querySelectorAll(".mark line").length === %d' % CHARTS)
    stage.page.wait('document.querySelector("#p-bytes .note").textContent.startsWith("at ")')
    stage.page.hover(5, 5)
    stage.page.wait('document.querySelectorAll(".mark line").length === 0')
    stage.page.evaluate('document.querySelector("#p-memory .chart").focus()')
    for _ in range(3):
        stage.page.key('ArrowLeft', 37)
    text = stage.page.wait('document.querySelector("#p-memory .chart").getAttribute("aria-valuetext")')
    assert 'content' in text and 'MiB' in text, text
    stage.page.wait('document.querySelectorAll(".mark line").length === %d' % CHARTS)
    stage.shoot('live-read')
    stage.page.key('Escape', 27)
    stage.page.wait('document.querySelectorAll(".mark line").length === 0')


def entries_are_searched_sorted_paged_and_dropped(stage):
    page = stage.page
    stage.open('#cache')
    page.wait('document.querySelectorAll("#rows tr").length === 100')
    stage.shoot('cache')
    page.click('[name=next]')
    page.wait('document.querySelector("#count").textContent.startsWith("101–200 of 260")')
    page.click('[name=previous]')
    page.wait('document.querySelector("#count").textContent.startsWith("1–100 of")')
    page.click('th[data-sort=path] button')
    page.wait('document.querySelector("th[data-sort=path]").getAttribute("aria-sort") === "ascending"')
    assert 'sort=path' in stage.mock.requests[-1][1]
    stage.shoot('cache-odd')
    page.type('[name=q]', '/img/')
    page.wait('document.querySelector("#rows .path").textContent.startsWith("/img/")')
    assert 'prefix=%2Fimg%2F' in stage.mock.requests[-1][1]
    page.type('[name=q]', 'script')
    page.wait('document.querySelectorAll("#rows tr").length === 1')
    page.click('.acts button:last-child')
    page.wait('document.querySelectorAll("#rows tr").length === 0')
    address = stage.asked('DELETE')[-1][1]
    assert address.startswith('/cache/%3Cscript%3Ealert(1)%3C/script%3E.html?site='), address
    stage.shoot('cache-no-match')


def every_odd_path_is_found_shown_and_dropped_by_its_own_name(stage):
    page = stage.page
    stage.open('#cache')
    page.wait('document.querySelectorAll("#rows tr").length === 100')
    for path in ODD:
        assert path in stage.mock.entries
        page.type('[name=q]', path[1:])
        page.wait(f'document.querySelector("#rows .path")?.textContent === {json.dumps(path)}')
        page.evaluate('document.querySelector(".acts button:last-child").click()')
        page.wait('document.querySelectorAll("#rows tr").length === 0')
        assert path not in stage.mock.entries, path


def everything_below_a_path_is_dropped_after_a_question(stage):
    page = stage.page
    stage.open('#cache')
    page.wait('document.querySelectorAll("#rows tr").length === 100')
    page.click('#drop-many')
    page.wait('document.querySelector("#drop-dialog").open')
    page.type('#drop-dialog [name=path]', '/img')
    page.click('#drop-dialog [type=submit]')
    page.wait('!document.querySelector("#drop-dialog .wrong").hidden')
    assert not stage.asked('DELETE')
    page.type('#drop-dialog [name=path]', '/img/')
    stage.shoot('drop')
    page.click('#drop-dialog [type=submit]')
    page.wait('!document.querySelector("#drop-dialog").open')
    assert stage.asked('DELETE')[-1][1].startswith('/cache/img/?')
    page.wait('document.querySelector("#toasts").textContent.startsWith("Dropped 50 entries")')


def an_overlay_is_put_from_text_and_from_a_file_and_removed(stage):
    page = stage.page
    stage.open('#cache')
    page.wait('document.querySelectorAll("#rows tr").length === 100')
    page.click('#upload')
    page.wait('document.querySelector("#overlay-dialog").open')
    page.click('#overlay-dialog [name=source][value=text]')
    page.type('#overlay-dialog [name=path]', '/new page.html')
    page.type('#overlay-dialog [name=text]', '<h1>Grüße</h1>')
    page.type('#overlay-dialog [name=type]', 'text/html; charset=utf-8')
    page.type('#overlay-dialog [name=cache]', 'no-store')
    stage.shoot('overlay')
    page.click('#overlay-dialog [type=submit]')
    page.wait('!document.querySelector("#overlay-dialog").open')
    _, address, fields, body = stage.asked('PUT')[-1]
    assert address.startswith('/cache/new%20page.html?site=www.example.org'), address
    assert (fields['Content-Type'], fields['Cache-Control'], body.decode()) == (
        'text/html; charset=utf-8', 'no-store', '<h1>Grüße</h1>'), fields

    with tempfile.NamedTemporaryFile(prefix='uringd ', suffix='.bin') as file:
        file.write(bytes(range(256)))
        file.flush()
        page.click('#upload')
        page.wait('document.querySelector("#overlay-dialog").open')
        page.choose_file('#overlay-dialog [name=file]', file.name)
        page.wait('document.querySelector("#overlay-dialog [name=path]").value !== ""')
        page.evaluate('document.querySelector("#overlay-dialog [name=type]").value = ""')
        page.click('#overlay-dialog [type=submit]')
        page.wait('!document.querySelector("#overlay-dialog").open')
    _, address, fields, body = stage.asked('PUT')[-1]
    assert body == bytes(range(256)) and 'Content-Type' not in fields, fields
    assert address.startswith('/cache/uringd%20'), address

    page.type('[name=q]', '/new page')
    page.wait('document.querySelector("#rows tr.overlay .path")?.textContent === "/new page.html"')
    page.click('.acts button:last-child')
    page.wait('document.querySelector(".acts button:last-child").textContent === "Really?"')
    assert not stage.asked('DELETE')
    page.click('.acts button:last-child')
    page.wait('document.querySelectorAll("#rows tr").length === 0')


def an_overlay_that_is_too_large_stays_in_the_dialog_with_the_reason(stage):
    page = stage.page
    stage.mock.overlay_limit = 10
    stage.open('#cache')
    page.wait('document.querySelectorAll("#rows tr").length === 100')
    page.click('.acts button')
    page.wait('document.querySelector("#overlay-dialog").open')
    page.click('#overlay-dialog [name=source][value=text]')
    page.type('#overlay-dialog [name=text]', 'more than ten bytes')
    page.click('#overlay-dialog [type=submit]')
    text = page.wait('document.querySelector("#overlay-dialog .wrong").textContent')
    assert 'overlay_size' in text, text
    stage.shoot('overlay-413')
    stage.expect('413')


def the_token_is_asked_for_once_and_kept_in_memory_only(stage):
    page = stage.page
    stage.mock.token, stage.mock.read_needs_token = 'sesame', True
    stage.open()
    page.wait('document.querySelector("#token-dialog").open')
    page.type('#token-dialog [name=token]', 'wrong')
    page.key('Enter', 13)
    page.click('#token-dialog [type=submit]')
    page.wait('document.querySelector("#token-dialog .wrong").textContent.includes("does not take")')
    stage.shoot('token')
    page.type('#token-dialog [name=token]', 'sesame')
    page.click('#token-dialog [type=submit]')
    page.wait('!document.querySelector("#token-dialog").open')
    page.wait('!!document.querySelector("#p-bytes .line")')
    page.evaluate('location.hash = "cache"')
    page.wait('document.querySelectorAll("#rows tr").length === 100')
    kept = page.evaluate('JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie, location.href])')
    assert 'sesame' not in kept and 'sesame' not in page.evaluate('document.documentElement.outerHTML')
    assert all('sesame' not in address for _, address, _, _ in stage.mock.requests)
    page.click('#forget')
    page.evaluate('document.querySelector("#search [type=submit]").click()')
    page.wait('document.querySelector("#token-dialog").open')
    page.click('#token-dialog [value=cancel]')
    page.wait('document.querySelector("#no-rows").textContent.includes("needs the token")')
    stage.expect('401')


def a_bad_configuration_is_shown_with_all_its_errors(stage):
    page = stage.page
    stage.open('#config')
    page.wait('document.querySelector("#config").textContent.includes("[server]")')
    page.click('#reload')
    page.wait('document.querySelector("#toasts").textContent.includes("Reloaded")')
    assert page.wait('document.querySelector("#config-facts").textContent').count('Reloads')
    stage.mock.reload_fails = True
    page.click('#reload')
    page.wait('document.querySelectorAll("#findings li").length === 2')
    stage.shoot('config')
    stage.shoot_whole('config-phone', 360)
    stage.expect('422')


def a_server_that_is_gone_is_said_to_be_gone_and_found_again(stage):
    page = stage.page
    stage.mock.past_s = 60
    stage.open()
    page.wait('!!document.querySelector("#p-bytes .line")')
    stage.mock.dead = True
    page.wait('document.querySelector("#state").textContent === "Disconnected"')
    page.wait('document.querySelector("#banner").textContent.includes("Next try")')
    stage.shoot('disconnected')
    stage.mock.dead, stage.mock.past_s = False, 0
    page.click('#banner button')
    page.wait('document.querySelector("#state").textContent === "Serving"')
    assert page.evaluate('document.querySelector("#banner").hidden')
    stage.expect('ERR_', 'Failed to load')


def a_server_that_stops_for_good_is_tried_again_later_each_time(stage):
    page = stage.page
    stage.mock.past_s = 60
    stage.open()
    page.wait('!!document.querySelector("#p-bytes .line")')
    stage.mock.dead = True
    page.wait('document.querySelector("#banner").textContent.includes("Nothing answers.")')
    page.wait('/Next try in [34] s/.test(document.querySelector("#banner").textContent)')
    page.evaluate('location.hash = "cache"')
    page.wait('document.querySelector("#no-rows").textContent.startsWith("Nothing answers.")')
    stage.shoot('cache-disconnected')
    stage.expect('ERR_', 'Failed to load')


def a_draining_server_is_said_to_drain(stage):
    stage.mock.past_s = 30
    stage.mock.figures.state = 'draining'
    stage.open()
    stage.page.wait('document.querySelector("#state").textContent === "Draining"')
    stage.page.wait('document.querySelector("#banner").textContent.includes("finishes what it has")')
    stage.shoot('draining')


def an_idle_server_with_an_empty_cache_looks_sensible(stage):
    page = stage.page
    stage.mock.empty = True
    stage.mock.figures.idle = True
    stage.open()
    page.wait('document.querySelector("#p-requests .value").textContent === "0 /s"')
    page.wait('!!document.querySelector("#p-bytes .line")')
    assert page.evaluate('document.querySelector("#p-hits .value").textContent') == '–'
    stage.shoot_whole('live-idle', 1440)
    page.evaluate('location.hash = "cache"')
    page.wait('document.querySelector("#no-rows").textContent.startsWith("Nothing is cached")')
    stage.shoot('cache-empty')


def colours_are_chosen_and_remembered(stage):
    page = stage.page
    background = 'getComputedStyle(document.body).backgroundColor'
    stage.open()
    light = page.evaluate(background)
    page.click('#theme')
    page.click('#theme')
    assert page.evaluate('document.documentElement.dataset.theme') == 'dark'
    dark = page.evaluate(background)
    assert dark != light
    stage.open()
    assert page.evaluate(background) == dark
    page.evaluate('localStorage.clear()')


def entries_are_cards_on_a_phone(stage):
    stage.open('#cache')
    stage.page.wait('document.querySelectorAll("#rows tr").length === 100')
    stage.page.type('[name=q]', 't')
    stage.page.click('th[data-sort=path] button')
    stage.page.size(360, 780, 2, True)
    stage.page.wait('document.documentElement.scrollWidth === 360')
    stage.rest(.5)
    stage.shoot('cache-phone')


def look(stage, token):
    """Against a server of yours: pictures of all views, a console without complaints; nothing is changed."""
    page = stage.page
    stage.open()
    stage.rest(2)
    if page.evaluate('document.querySelector("#token-dialog").open'):
        stage.expect('401')
        page.type('#token-dialog [name=token]', token)
        page.click('#token-dialog [type=submit]')
    page.wait('document.querySelector("#p-bytes .line")?.getAttribute("d").split("L").length > 20', 60)
    for name, width, scheme in (('light', 1440, 'light'), ('dark', 1440, 'dark'), ('wide', 2200, 'dark'),
                                ('phone', 360, 'light')):
        stage.shoot_whole(f'live-{name}', width, scheme)
    for view in ('cache', 'config'):
        page.evaluate(f'location.hash = "{view}"')
        stage.rest(1)
        stage.shoot_whole(f'{view}-light', 1440)
        stage.shoot_whole(f'{view}-phone', 360)


FAST = {a_draining_server_is_said_to_drain, an_idle_server_with_an_empty_cache_looks_sensible,
        the_token_is_asked_for_once_and_kept_in_memory_only}
ALL = [
    graphs_are_drawn_and_look_right_in_both_colours_and_from_360_px_on,
    a_moment_is_read_by_pointer_and_by_keys_in_all_graphs_at_once,
    entries_are_searched_sorted_paged_and_dropped,
    every_odd_path_is_found_shown_and_dropped_by_its_own_name,
    everything_below_a_path_is_dropped_after_a_question,
    an_overlay_is_put_from_text_and_from_a_file_and_removed,
    an_overlay_that_is_too_large_stays_in_the_dialog_with_the_reason,
    the_token_is_asked_for_once_and_kept_in_memory_only,
    a_bad_configuration_is_shown_with_all_its_errors,
    a_server_that_is_gone_is_said_to_be_gone_and_found_again,
    a_server_that_stops_for_good_is_tried_again_later_each_time,
    a_draining_server_is_said_to_drain,
    an_idle_server_with_an_empty_cache_looks_sensible,
    colours_are_chosen_and_remembered,
    entries_are_cards_on_a_phone,
]
