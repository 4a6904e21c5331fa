// The page: reads what the admin API says, follows its events, and shows both. Whatever comes from the proxy goes into text nodes only.
const StatusEvery = 2000;
const slotNames = ['blue', 'green'];
const byId = id => document.getElementById(id);
const other = slot => (slot === 'blue' ? 'green' : 'blue');

let token = sessionStorage.getItem('token');
let status = null;
let health = { slots: {} };
let switches = [];
let running = null; // the switch that runs, as the last event had it
let counted = null; // the counters of the last look, for rates
let histogram = [];

const plots = {
  requests: new Plot(byId('requests-plot'), 1),
  errors: new Plot(byId('errors-plot'), 1),
  latency: new Plot(byId('latency-plot'), 2),
};

// The API

function call(path, options = {}) {
  const headers = { ...options.headers };
  if (token) {
    headers.Authorization = `Bearer ${token}`;
  }
  return fetch(path, { ...options, headers, cache: 'no-store', credentials: 'omit' });
}

async function read(path) {
  const answer = await call(path);
  if (answer.status === 401) {
    await forgetToken();
  }
  if (!answer.ok) {
    throw new Error(`${path}: ${answer.status}`);
  }
  return answer;
}

/** Asks for a change. Null: done; otherwise what people should read. */
async function order(path, body) {
  const answer = await call(path, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });
  if (answer.ok) {
    return null;
  }
  const said = await answer.json().catch(() => ({}));
  if (answer.status === 401) {
    await forgetToken();
  }
  return text('refused', answer.status, said.detail ?? said.reason ?? (said.id ? `${said.id} ${said.from} → ${said.to}: ${said.phase}` : answer.statusText));
}

/** Follows the events until the connection ends. fetch and not EventSource, which cannot send the token. */
async function follow(signal) {
  const answer = await call('events', { signal });
  if (!answer.ok) {
    throw new Error(`events: ${answer.status}`);
  }
  setConnection('live');
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
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

/** Reads everything anew. One at a time: what is asked for while one is under way makes that one read once more, as its answers may be older than the event. */
async function look() {
  isStale = true;
  if (looking) {
    return;
  }
  looking = true;
  try {
    let answers;
    do {
      isStale = false;
      answers = await Promise.all(['status', 'health', 'switches'].map(path => read(path).then(answer => answer.json())));
    } while (isStale);
    [status, health] = answers;
    switches = answers[2].switches;
    running = status.switch?.outcome ? null : status.switch;
    await measure();
    show();
    setConnection('live');
  } catch {
    setConnection('lost');
  } finally {
    looking = false;
  }
}

/** Rates since the last look. A proxy that was started anew counts from zero: that step is left out. */
async function measure() {
  const at = performance.now();
  const total = field => slotNames.reduce((sum, slot) => sum + status.slots[slot][field], 0);
  const now = { at, pid: status.pid, requests: total('requests'), errors: total('errors') };
  const exposition = await call('metrics').then(answer => (answer.ok ? answer.text() : ''));
  const buckets = readHistogram(exposition, 'edgeproxy_request_duration_seconds');
  if (counted?.pid === now.pid) {
    const seconds = (at - counted.at) / 1000;
    const rate = field => (now[field] - counted[field]) / seconds;
    const middle = quantile(histogram, buckets, 0.5) * 1000;
    const slow = quantile(histogram, buckets, 0.99) * 1000;
    draw('requests', at, [rate('requests')], rate('requests').toFixed(1));
    draw('errors', at, [rate('errors')], rate('errors').toFixed(1));
    draw('latency', at, [middle, slow], Number.isFinite(middle) ? `${middle.toFixed(1)} / ${slow.toFixed(1)} ms` : '–');
  }
  counted = now;
  histogram = buckets;
}

function draw(name, at, values, shown) {
  byId(`${name}-now`).value = shown;
  const label = byId(`${name}-plot`).parentElement.querySelector('[data-text]').textContent;
  plots[name].add(at, values, `${label}: ${shown}`);
}

// What is shown

function show() {
  byId('version').textContent = `${status.version} · ${text('uptime', shortDuration(status.uptime))}`;
  showNotice();
  showSlots();
  showSwitches();
  showCertificates();
  showActions();
}

function showNotice() {
  const lines = [];
  if (status.maintenance) {
    lines.push(text('isMaintenance', clock(status.maintenance.since)));
  }
  if (status.pause) {
    lines.push(text('isPaused', clock(status.pause.since)));
  }
  if (status.held > 0) {
    lines.push(text('isHeld', status.held));
  }
  const active = status.slots[status.active];
  const isDown = active.health === 'Unhealthy' || active.health === 'Stopped';
  if (isDown) {
    lines.push(text('isUnhealthy', status.active, active.health));
  }
  const notice = byId('notice');
  notice.hidden = lines.length === 0;
  notice.classList.toggle('bad', isDown);
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
      ...fact('served', text('servedCounts', number(slot.requests), number(slot.errors))),
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

function showActions() {
  const target = other(status.active);
  setAction('switch', text('switch', target), Boolean(running));
  setAction('rollback', text('rollback', target), false);
  setAction('pause', text(status.pause ? 'resume' : 'pause'), false);
  setAction('maintenance', text(status.maintenance ? 'maintenanceOff' : 'maintenanceOn'), false);
}

function setAction(name, label, disabled) {
  const button = document.querySelector(`[data-action=${name}]`);
  setText(button, label);
  button.disabled = disabled;
}

// What people do

const actions = {
  switch: () => ask(text('switch', other(status.active)), text('switchText', other(status.active), status.active), { label: text('switchLabel') },
    ({ value }) => order('switch?wait=false', { to: other(status.active), label: value || null })),
  rollback: () => ask(text('rollback', other(status.active)), text('rollbackText', other(status.active)), { force: text('rollbackForce') },
    ({ force }) => order('rollback?wait=false', { force })),
  pause: () => (status.pause ? act(() => order('resume', {})) : ask(text('pause'), text('pauseText'), {}, () => order('pause', { maxWait: '00:00:30' }))),
  maintenance: () => (status.maintenance
    ? act(() => order('maintenance', { on: false }))
    : ask(text('maintenanceOn'), text('maintenanceText'), { label: text('maintenanceMessage') }, ({ value }) => order('maintenance', { on: true, message: value }))),
};

/** Asks before a change; what is asked for beside yes or no depends on the action. */
async function ask(title, explanation, { label, force }, done) {
  const dialog = byId('confirm-dialog');
  const form = dialog.querySelector('form');
  setText(byId('confirm-title'), title);
  setText(byId('confirm-text'), explanation);
  setText(byId('confirm-ok'), title);
  byId('confirm-label').hidden = !label;
  setText(byId('confirm-label').querySelector('span'), label ?? '');
  byId('confirm-force').hidden = !force;
  setText(byId('confirm-force').querySelector('span'), force ?? '');
  form.reset();
  if (await opened(dialog) === 'ok') {
    await act(() => done({ value: form.elements.value.value.trim(), force: form.elements.force.checked }));
  }
}

async function act(change) {
  if (!token && !(await askForToken())) {
    return;
  }
  const problem = await change().catch(error => error.message);
  await look();
  if (problem) {
    const notice = byId('notice');
    notice.hidden = false;
    notice.classList.add('bad');
    setText(notice, problem);
  }
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
    await new Promise(resolve => setTimeout(resolve, pause));
  }
})();
