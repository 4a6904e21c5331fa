// The page: reads what the admin API says, follows its events, and shows both. Whatever comes from the proxy goes into text nodes only.
const StatusEvery = 2000;
const slotNames = ['blue', 'green'];
const byId = id => document.getElementById(id);
const other = slot => (slot === 'blue' ? 'green' : 'blue');

let token = sessionStorage.getItem('token');
let app = new URLSearchParams(location.search).get('app'); // the app that is shown
let status = null;
let health = { slots: {} };
let switches = [];
let running = null; // the switch that runs, as the last event had it
let refusal = null; // what became of the last action; null: it was done
let samples = []; // of the last hour, the oldest first
let sampleEvery = 5000; // ms

const plots = {
  requests: new Plot(byId('requests-plot'), slot => perSecond(slot.requests)),
  errors: new Plot(byId('errors-plot'), slot => perSecond(slot.errors)),
  latency: new Plot(byId('latency-plot'), slot => slot.p99Ms, slot => slot.medianMs),
};

// The API

/** The path of a call about the app that is shown. */
const of = path => (app ? `apps/${encodeURIComponent(app)}/${path}` : path);

function call(path, options = {}) {
  const headers = { ...options.headers };
  if (token) {
    headers.Authorization = `Bearer ${token}`;
  }
  return fetch(path, { ...options, headers, cache: 'no-store', credentials: 'omit' });
}

async function read(path) {
  const response = await call(path);
  if (response.status === 401) {
    await forgetToken();
  }
  if (!response.ok) {
    throw new Error(`${path}: ${response.status}`);
  }
  return response;
}

/** Asks for a change. "said" is null where the response has no JSON; "problem" is what people should read, null where it is done. */
async function order(path, body) {
  const response = await call(path, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });
  const said = await response.json().catch(() => null);
  if (response.ok) {
    return { status: response.status, said, problem: null };
  }
  if (response.status === 401) {
    await forgetToken();
  }
  const why = said?.detail ?? said?.reason ?? (said?.id ? `${said.id} ${said.from} → ${said.to}: ${said.phase}` : response.statusText);
  return { status: response.status, said, problem: text('refused', response.status, why) };
}

/** Follows the events until the connection ends. fetch and not EventSource, which cannot send the token. */
async function follow(signal) {
  const response = await call(of('events'), { signal });
  if (!response.ok) {
    throw new Error(`events: ${response.status}`);
  }
  setConnection('live');
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let pending = '';
  for (;;) {
    const { value, done } = await reader.read();
    if (done) {
      return;
    }
    pending += value;
    const events = pending.split('\n\n');
    pending = events.pop();
    events.forEach(onEvent);
  }
}

function onEvent(lines) {
  const field = name => lines.split('\n').find(line => line.startsWith(`${name}: `))?.slice(name.length + 2);
  const data = field('data') && JSON.parse(field('data'));
  switch (field('event')) {
    case 'probe': {
      const slot = (health.slots[data.slot] ??= { state: 'Unknown', probes: [] });
      slot.probes = [data, ...slot.probes].slice(0, 60);
      showSlots();
      break;
    }
    case 'switch':
      running = data.outcome ? null : data;
      switches = [data, ...switches.filter(one => one.id !== data.id)];
      showSwitches();
      look();
      break;
    case 'phase':
    case 'slot':
    case 'certificate':
      look();
      break;
  }
}

let looking = false;
let isStale = false;

/** Reads everything anew. One at a time: a call while one is under way makes that one read once more, as its responses may be older than the event. */
async function look() {
  isStale = true;
  if (looking) {
    return;
  }
  looking = true;
  try {
    let responses;
    if (byId('app').options.length === 0) {
      await chooseApp();
    }
    do {
      isStale = false;
      responses = await Promise.all(['status', 'health', 'switches'].map(path => read(of(path)).then(response => response.json())));
    } while (isStale);
    [status, health] = responses;
    switches = responses[2].switches;
    running = status.switch?.outcome ? null : status.switch;
    await readTraffic();
    show();
    setConnection('live');
  } catch {
    setConnection('lost');
  } finally {
    looking = false;
  }
}

/** Of several apps the one in the address, else the first. Asked once a connection: a proxy that was started anew may have others. */
async function chooseApp() {
  const names = Object.keys((await read('apps').then(response => response.json())).apps);
  app = names.includes(app) ? app : names[0];
  const select = byId('app');
  replace(select, names.map(name => {
    const option = element('option', '', name);
    option.value = name;
    return option;
  }));
  select.value = app;
  select.hidden = names.length === 1;
}

/** Adds what came after the last look. What a proxy that was started anew does not know any more stays. */
async function readTraffic() {
  const after = samples.length ? `?after=${samples.at(-1).at}` : '';
  const traffic = await read(of(`traffic${after}`)).then(response => response.json());
  sampleEvery = 1000 * seconds(traffic.every);
  samples.push(...traffic.samples.map(sample => ({ ...sample, time: Date.parse(sample.at) })));
  samples = samples.filter(sample => sample.time > samples.at(-1).time - 3_600_000);
}

const perSecond = count => 1000 * count / sampleEvery;

// What is shown

function show() {
  byId('version').textContent = `${status.version} · ${text('uptime', shortDuration(status.uptime))}`;
  showNotice();
  showSlots();
  showTraffic();
  showSwitches();
  showCertificates();
  showSites();
  showActions();
}

function showNotice() {
  const lines = refusal ? [refusal] : [];
  if (status.maintenance) {
    lines.push(text('isMaintenance', clock(status.maintenance.since)));
  }
  if (status.pause) {
    lines.push(text('isPaused', clock(status.pause.since)));
  }
  if (status.held > 0) {
    lines.push(text('isHeld', status.held));
  }
  if (status.places?.queued > 0) {
    lines.push(text('isQueued', status.places.queued, status.places.oldestWait));
  }
  const active = status.slots[status.active];
  const isDown = active.health === 'Unhealthy' || active.health === 'Stopped';
  if (isDown) {
    lines.push(text('isUnhealthy', status.active, active.health));
  }
  const notice = byId('notice');
  notice.hidden = lines.length === 0;
  notice.classList.toggle('bad', isDown || refusal !== null);
  setText(notice, lines.join('\n'));
}

function showSlots() {
  if (!status) {
    return;
  }
  for (const name of slotNames) {
    const slot = status.slots[name];
    const card = document.querySelector(`.slot[data-slot=${name}]`);
    const isActive = status.active === name;
    const flying = slot.inFlight.http + slot.inFlight.stream + slot.inFlight.webSocket;
    card.classList.toggle('active', isActive);
    setText(card.querySelector('.badge'), isActive ? text('active') : slot.warmUntil ? text('warm', clock(slot.warmUntil)) : flying > 0 ? text('draining') : text('idle'));
    replace(card.querySelector('dl'), [
      ...fact('unit', `${slot.unit} · ${slot.unitState ?? '?'}`),
      ...fact('health', slot.health, slot.health === 'Healthy' ? 'good' : slot.health === 'Unhealthy' ? 'bad' : ''),
      ...(slot.label ? fact('label', slot.label) : []),
      ...fact('inFlight', text('inFlightCounts', slot.inFlight.http, slot.inFlight.stream, slot.inFlight.webSocket)),
      ...(isActive && status.places ? fact('places', text('placesUsed', status.places.used, status.places.limit ?? '∞', status.places.queued)) : []),
      ...fact('served', text('servedCounts', number(slot.requests), number(slot.errors))),
      ...status.companions.filter(one => one.slot ? one.slot === name : isActive).flatMap(one => fact('companion', `${one.unit} · ${one.unitState ?? '?'}`)),
      ...(slot.mainPid ? fact('process', text('processFacts', slot.mainPid, slot.memory ? Math.round(slot.memory / 1e6) : '?')) : []),
    ]);
    showStrip(card.querySelector('.strip'), name, [...health.slots[name]?.probes ?? []].slice(0, 60).reverse());
  }
}

function showStrip(strip, name, probes) {
  const bad = probes.filter(probe => probe.error).length;
  strip.setAttribute('aria-label', probes.length ? text('probes', name, probes.length - bad, bad) : text('noProbes', name));
  replace(strip, probes.map(probe => {
    const mark = element('i', probe.error ? 'bad' : '');
    mark.title = `${clock(probe.at)} ${probe.status ?? ''} ${probe.error ?? milliseconds(probe.latency)}`;
    return mark;
  }));
}

function showTraffic() {
  const end = samples.at(-1)?.time ?? Date.now();
  const begin = end - 60_000 * Number(byId('range').value);
  const shown = samples.filter(sample => sample.time >= begin);
  const now = samples.at(-1)?.slots ?? {};
  const total = field => slotNames.reduce((sum, slot) => sum + (now[slot]?.[field] ?? 0), 0);
  const latency = slotNames.filter(slot => now[slot]?.medianMs != null).map(slot => text('latencyOf', slot, now[slot].medianMs.toFixed(1), now[slot].p99Ms.toFixed(1)));
  draw('requests', perSecond(total('requests')).toFixed(1));
  draw('errors', perSecond(total('errors')).toFixed(1));
  draw('latency', latency.join(' · ') || '–');

  function draw(name, value) {
    setText(byId(`${name}-now`), value);
    const label = byId(`${name}-plot`).parentElement.querySelector('[data-text]').textContent;
    plots[name].draw(shown, sampleEvery, switchMarks(), begin, end, `${label}: ${value}`);
  }
}

/** Where traffic began to move, of every switch that came so far. */
function switchMarks() {
  return switches.flatMap(one => {
    const moved = one.phases.find(phase => phase.phase === 'Canary' || phase.phase === 'Flip');
    const said = `${one.from} → ${one.to}${one.label ? ` (${one.label})` : ''}: ${one.outcome ?? one.phase}`;
    return moved ? [{ time: Date.parse(moved.startedAt), text: `${clock(moved.startedAt)} ${said}`, className: one.outcome ?? '' }] : [];
  });
}

function showSwitches() {
  const shown = running ?? switches[0];
  setText(byId('switch-title'), text(running ? 'runningSwitch' : 'lastSwitch'));
  replace(byId('switch'), shown ? describe(shown) : [element('p', '', text('noSwitch'))]);
  replace(byId('history').tBodies[0], switches.map(one => {
    const row = element('tr');
    row.append(
      element('td', '', dateTime(one.startedAt)), element('td', '', `${one.from} → ${one.to}`), element('td', '', one.label ?? ''),
      element('td', one.outcome ?? '', one.outcome ?? `${one.phase} …`), element('td', '', one.outcome ? shortDuration(one.duration) : ''),
      element('td', 'reason', one.reason ?? ''));
    return row;
  }));
}

function describe(one) {
  const head = element('p', one.outcome ?? '', `${one.from} → ${one.to}${one.label ? ` (${one.label})` : ''}: ${one.outcome ?? `${one.phase} …`}`);
  const longest = Math.max(...one.phases.map(phase => seconds(phase.duration)), 0.001);
  const timeline = element('ol', 'timeline');
  timeline.append(...one.phases.map((phase, index) => {
    const isRunning = !one.outcome && index === one.phases.length - 1;
    const item = element('li', isRunning ? 'running' : '');
    const bar = element('div', 'bar');
    const length = element('i');
    length.style.width = `${isRunning ? 100 : 100 * seconds(phase.duration) / longest}%`;
    bar.append(length);
    item.append(
      element('span', 'name', phase.phase), element('span', 'time', isRunning ? '' : shortDuration(phase.duration)), element('span', 'detail', phase.detail ?? ''), bar);
    return item;
  }));
  const parts = [head, timeline];
  if (one.reason) {
    parts.push(element('p', '', one.reason));
  }
  if (one.outcome && one.outcome !== 'Completed' && one.lastProbe) {
    const { status: code, latency, error, body } = one.lastProbe;
    parts.push(element('h3', '', text('lastProbe')), element('pre', '', [code, milliseconds(latency), error, body].filter(Boolean).join('\n')));
  }
  if (one.unitLog?.length) {
    parts.push(element('h3', '', text('unitLog')), element('pre', '', one.unitLog.join('\n')));
  }
  return parts;
}

function showCertificates() {
  byId('certificates-section').hidden = status.certificates.length === 0;
  replace(byId('certificates').tBodies[0], status.certificates.map(one => {
    const row = element('tr');
    const days = one.daysLeft == null ? text('noCertificate') : Math.floor(one.daysLeft).toString();
    row.append(
      element('td', '', one.names?.length ? one.names.join(', ') : one.name), element('td', one.state === 'Valid' ? 'good' : 'bad', one.state),
      element('td', one.daysLeft < 7 ? 'bad' : '', days), element('td', '', one.lastError ?? ''));
    return row;
  }));
}

/** What the settings say of sites: a row for each route, in the order in which they are tried. */
function showSites() {
  byId('sites-section').hidden = status.sites.length === 0;
  replace(byId('sites').tBodies[0], status.sites.flatMap(site => site.routes.map((route, index) => {
    const row = element('tr');
    const scheme = site.scheme === 'Both' ? '' : ` (${site.scheme.toLowerCase()})`;
    row.append(
      element('td', '', index ? '' : `${site.hosts.join(', ')}${scheme}`), element('td', '', route.name), element('td', 'reason', route.takes),
      element('td', 'reason', route.does));
    return row;
  })));
}

function showActions() {
  const target = other(status.active);
  const waits = running?.phase === 'Preview' || running?.phase === 'Canary';
  setAction('switch', text('switch', target), { disabled: Boolean(running) });
  setAction('rollback', text('rollback', target));
  setAction('preview', text('preview'), { hidden: running?.phase !== 'Preview' });
  setAction('promote', text('promote', running?.to), { hidden: !waits });
  setAction('abort', text('abort'), { hidden: !running || running.phases.some(phase => phase.phase === 'Flip') });
  setAction('pause', text(status.pause ? 'resume' : 'pause'));
  setAction('maintenance', text(status.maintenance ? 'maintenanceOff' : 'maintenanceOn'));
}

function setAction(name, label, { disabled = false, hidden = false } = {}) {
  const button = document.querySelector(`[data-action=${name}]`);
  setText(button, label);
  button.disabled = disabled;
  button.hidden = hidden;
}

// What people do

const actions = {
  switch: () => ask(
    text('switch', other(status.active)), text('switchText', other(status.active), status.active), { label: text('switchLabel'), check: text('previewFirst') },
    ({ value, isChecked }) => order(of('switch?wait=false'), { to: other(status.active), label: value || null, preview: isChecked ? '00:15:00' : null })),
  rollback: () => ask(text('rollback', other(status.active)), text('rollbackText', other(status.active)), { check: text('rollbackForce') },
    ({ isChecked }) => order(of('rollback?wait=false'), { force: isChecked })),
  preview: () => act(() => makeLink({})),
  promote: () => ask(text('promote', running.to), text('promoteText', running.to), {}, () => order(of('promote?wait=false'), {})),
  abort: () => ask(text('abort'), text('abortText', running.from), {}, () => order(of('abort?wait=false'), {})),
  pause: () => (status.pause ? act(() => order(of('resume'), {})) : ask(text('pause'), text('pauseText'), {}, () => order(of('pause'), { maxWait: '00:00:30' }))),
  maintenance: () => (status.maintenance
    ? act(() => order(of('maintenance'), { on: false }))
    : ask(text('maintenanceOn'), text('maintenanceText'), { label: text('maintenanceMessage') }, ({ value }) => order(of('maintenance'), { on: true, message: value }))),
};

/** Asks before a change; what is asked for beside yes or no depends on the action: a text, a check box. */
async function ask(title, explanation, { label, check }, done) {
  const dialog = byId('confirm-dialog');
  const form = dialog.querySelector('form');
  setText(byId('confirm-title'), title);
  setText(byId('confirm-text'), explanation);
  setText(byId('confirm-ok'), title);
  byId('confirm-label').hidden = !label;
  setText(byId('confirm-label').querySelector('span'), label ?? '');
  byId('confirm-check').hidden = !check;
  setText(byId('confirm-check').querySelector('span'), check ?? '');
  form.reset();
  if (await opened(dialog) === 'ok') {
    await act(() => done({ value: form.elements.value.value.trim(), isChecked: form.elements.check.checked }));
  }
}

async function act(change) {
  if (!token && !(await askForToken())) {
    return;
  }
  refusal = null;
  refusal = (await change().catch(error => ({ problem: error.message }))).problem;
  await look();
}

/** A proxy that does not know the site's address is told it. */
async function makeLink(body) {
  const response = await order(of('preview'), body);
  if (!response.problem) {
    showLink(response.said);
  } else if (response.status === 422 && !body.url) {
    ask(text('preview'), text('siteText'), { label: text('siteUrl') }, ({ value }) => makeLink({ url: value }));
    return { problem: null };
  }
  return response;
}

function showLink({ link, expiresAt }) {
  setText(byId('link-text'), text('previewText', clock(expiresAt)));
  byId('link-value').value = link;
  byId('link-dialog').showModal();
  byId('link-value').select();
}

async function askForToken(problem = '') {
  const dialog = byId('token-dialog');
  const form = dialog.querySelector('form');
  form.reset();
  setText(dialog.querySelector('.problem'), problem);
  if (await opened(dialog) !== 'ok') {
    return false;
  }
  token = form.elements.token.value.trim() || null;
  if (token && !(await call('status')).ok) {
    return askForToken(text('tokenWrong'));
  }
  token ? sessionStorage.setItem('token', token) : sessionStorage.removeItem('token');
  showTools();
  return Boolean(token);
}

function forgetToken() {
  token = null;
  sessionStorage.removeItem('token');
  showTools();
  return askForToken(text('tokenWrong'));
}

/** Shows a dialog; what it was closed with: "ok", or anything else. */
function opened(dialog) {
  dialog.returnValue = '';
  dialog.showModal();
  return new Promise(resolve => dialog.addEventListener('close', () => resolve(dialog.returnValue), { once: true }));
}

function showTools() {
  setText(byId('token'), text(token ? 'tokenSet' : 'token'));
  setText(byId('language'), language === 'zh' ? 'English' : '中文');
}

function showTexts() {
  document.documentElement.lang = language === 'zh' ? 'zh-CN' : 'en';
  for (const one of document.querySelectorAll('[data-text]')) {
    setText(one, text(one.dataset.text));
  }
  for (const plot of document.querySelectorAll('figure')) {
    plot.querySelector('svg').setAttribute('aria-label', plot.querySelector('[data-text]').textContent);
  }
  showTools();
  setConnection(byId('connection').dataset.state);
  if (status) {
    show();
  }
}

function setConnection(state) {
  byId('connection').dataset.state = state;
  setText(byId('connection'), text(state));
}

// Small things

function element(name, className = '', content = '') {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = content;
  return made;
}

/** Only what has changed: a screen reader reads what is written anew. */
function setText(node, content) {
  if (node.textContent !== content) {
    node.textContent = content;
  }
}

function replace(parent, children) {
  const made = element('div');
  made.append(...children);
  if (parent.innerHTML !== made.innerHTML) {
    parent.replaceChildren(...made.childNodes);
  }
}

function fact(name, value, className = '') {
  return [element('dt', '', text(name)), element('dd', className, value)];
}

/** Of "hh:mm:ss.fff", with days before a point. */
function seconds(duration) {
  const [, days, hours, minutes, rest] = /^(?:(\d+)\.)?(\d+):(\d+):([\d.]+)$/.exec(duration) ?? [];
  return rest === undefined ? 0 : ((Number(days ?? 0) * 24 + Number(hours)) * 60 + Number(minutes)) * 60 + Number(rest);
}

function shortDuration(duration) {
  const whole = seconds(duration);
  return whole < 60 ? `${whole.toFixed(whole < 10 ? 2 : 1)} s`
    : whole < 3600 ? `${Math.floor(whole / 60)} min ${Math.floor(whole % 60)} s`
      : whole < 86400 ? `${Math.floor(whole / 3600)} h ${Math.floor(whole % 3600 / 60)} min`
        : `${Math.floor(whole / 86400)} d ${Math.floor(whole % 86400 / 3600)} h`;
}

const milliseconds = duration => `${Math.round(seconds(duration) * 1000)} ms`;
const clock = time => new Date(time).toLocaleTimeString(document.documentElement.lang);
const dateTime = time => new Date(time).toLocaleString(document.documentElement.lang);
const number = value => value.toLocaleString(document.documentElement.lang);

// From here on it runs

for (const button of document.querySelectorAll('[data-action]')) {
  button.addEventListener('click', () => actions[button.dataset.action]());
}
byId('token').addEventListener('click', () => askForToken());
byId('range').addEventListener('change', showTraffic);
byId('app').addEventListener('change', event => {
  location.search = `?app=${encodeURIComponent(event.target.value)}`;
});
byId('language').addEventListener('click', () => {
  language = language === 'zh' ? 'en' : 'zh';
  sessionStorage.setItem('language', language);
  showTexts();
});
document.addEventListener('visibilitychange', () => document.hidden || look());
showTexts();
setInterval(() => document.hidden || look(), StatusEvery);

/** Follows for ever. A proxy that is restarted is back within a second; one that stays away is asked every ten. */
(async () => {
  for (let pause = 500; ; pause = Math.min(pause * 2, 10_000)) {
    await look();
    try {
      await follow(AbortSignal.timeout(3_600_000));
      pause = 500;
    } catch {
      // Says so, and tries again.
    }
    setConnection('lost');
    replace(byId('app'), []);
    await new Promise(resolve => setTimeout(resolve, pause));
  }
})();
