// What people read, in the two languages of the first users. Terms that the API, the log and the command line use stay as they are:
// slot names, phases and outcomes.
const texts = {
  en: {
    slots: 'Slots', traffic: 'Traffic', history: 'Switches', certificates: 'Certificates', sites: 'Sites', route: 'Route', takes: 'Takes', does: 'Does', lastSwitch: 'Last switch', runningSwitch: 'Running switch',
    requestsPerSecond: 'Requests per second', errorsPerSecond: 'Errors (5xx) per second', latency: 'Latency, median (dashed) and 99 %', latencyOf: '{0} {1} / {2} ms', tenMinutes: '10 minutes', oneHour: '1 hour',
    when: 'When', direction: 'From → to', label: 'Label', outcome: 'Outcome', duration: 'Duration', reason: 'Reason',
    names: 'Names', state: 'State', daysLeft: 'Days left', lastError: 'Last error',
    active: 'active', idle: 'idle', warm: 'warm until {0}', draining: 'draining',
    unit: 'Unit', companion: 'Companion', health: 'Health', inFlight: 'In flight', process: 'Process', served: 'Served', connections: 'Connections',
    inFlightCounts: '{0} http · {1} stream · {2} webSocket', processFacts: 'PID {0}, {1} MB', servedCounts: '{0} requests, {1} errors',
    probes: 'Probes of {0}: {1} good, {2} bad, newest last', noProbes: 'No probe of {0} yet',
    connecting: 'connecting', live: 'live', lost: 'not reachable, trying again', uptime: 'up {0}',
    token: 'Token', tokenSet: 'Token is set', tokenWhy: 'What changes something needs the admin token: the content of the token file, /var/lib/edgeproxy/admin.token unless set otherwise. It is kept in this tab only.',
    useToken: 'Use it', cancel: 'Cancel', tokenWrong: 'That is not the token.',
    switch: 'Switch to {0}', rollback: 'Roll back to {0}', preview: 'Preview link', promote: 'Promote {0}', abort: 'Abort', pause: 'Pause', resume: 'Resume', maintenanceOn: 'Maintenance', maintenanceOff: 'End maintenance',
    switchText: 'Starts {0}, proves that it responds, moves all new requests to it, and stops {1} when it has drained.',
    rollbackText: 'Brings traffic back to {0}.', pauseText: 'Holds every new request until you resume; each waits 30 seconds at most.',
    maintenanceText: 'Clients get a 503 page until you end it. Requests for the health path still pass.',
    previewText: 'Everybody who opens this link before {0} gets the candidate, on the real host name. Nobody else does.', link: 'Link', close: 'Close', siteText: 'The settings do not say under which address clients find the site.', siteUrl: 'Address of the site, such as https://shop.example.com/',
    promoteText: 'Ends the wait: all new requests move to {0}.', abortText: 'Ends the switch; all requests stay with {0}.', previewFirst: 'Wait for a preview first, 15 minutes at most',
    switchLabel: 'Label (what is deployed)', maintenanceMessage: 'Message for clients', rollbackForce: 'Also where both slots run from one directory',
    noSwitch: 'There was none yet.', unitLog: 'Unit log', lastProbe: 'Last probe', noCertificate: 'none yet',
    isPaused: 'Requests are held since {0}. Resume lets them through.', isMaintenance: 'Maintenance since {0}: clients get a 503.',
    isQueued: '{0} requests wait for their turn with the app, the first one for {1}.', places: 'Places', placesUsed: '{0} of {1} used, {2} requests wait',
    isHeld: '{0} requests wait for the active slot.', isUnhealthy: 'The active slot {0} is {1}.', refused: 'Refused ({0}): {1}', done: 'Done.',
  },
  zh: {
    slots: '插槽', traffic: '流量', history: '切换记录', certificates: '证书', sites: '站点', route: '路由', takes: '匹配', does: '动作', lastSwitch: '最近一次切换', runningSwitch: '正在切换',
    requestsPerSecond: '每秒请求数', errorsPerSecond: '每秒错误数（5xx）', latency: '延迟：中位数（虚线）与 99%', latencyOf: '{0} {1} / {2} 毫秒', tenMinutes: '10 分钟', oneHour: '1 小时',
    when: '时间', direction: '方向', label: '标签', outcome: '结果', duration: '耗时', reason: '原因',
    names: '域名', state: '状态', daysLeft: '剩余天数', lastError: '最近的错误',
    active: '活动', idle: '空闲', warm: '保温至 {0}', draining: '排空中',
    unit: '单元', companion: '伴随单元', health: '健康', inFlight: '处理中', process: '进程', served: '已处理', connections: '连接',
    inFlightCounts: '{0} http · {1} stream · {2} webSocket', processFacts: 'PID {0}，{1} MB', servedCounts: '{0} 个请求，{1} 个错误',
    probes: '{0} 的探测：{1} 次成功，{2} 次失败，最新的在最后', noProbes: '还没有探测过 {0}',
    connecting: '正在连接', live: '实时', lost: '无法连接，正在重试', uptime: '已运行 {0}',
    token: '令牌', tokenSet: '令牌已设置', tokenWhy: '更改操作需要管理令牌，即令牌文件的内容，默认为 /var/lib/edgeproxy/admin.token。令牌只保存在此标签页中。',
    useToken: '使用', cancel: '取消', tokenWrong: '令牌不正确。',
    switch: '切换到 {0}', rollback: '回滚到 {0}', preview: '预览链接', promote: '放行 {0}', abort: '中止', pause: '暂停', resume: '恢复', maintenanceOn: '维护模式', maintenanceOff: '结束维护',
    switchText: '启动 {0}，确认它能正常应答，把所有新请求转给它，并在 {1} 排空后将其停止。',
    rollbackText: '把流量切回 {0}。', pauseText: '在恢复之前拦住所有新请求；每个请求最多等待 30 秒。',
    maintenanceText: '在结束之前，客户端会收到 503 页面。健康检查路径仍然放行。',
    previewText: '在 {0} 之前打开此链接的人会在真实域名上访问候选版本，其他人不会。', link: '链接', close: '关闭', siteText: '设置中没有说明客户端访问站点的地址。', siteUrl: '站点地址，例如 https://shop.example.com/',
    promoteText: '结束等待：所有新请求转到 {0}。', abortText: '结束此次切换；所有请求仍由 {0} 处理。', previewFirst: '先等待预览，最长 15 分钟',
    switchLabel: '标签（部署的版本）', maintenanceMessage: '给客户端的消息', rollbackForce: '即使两个插槽共用一个目录',
    noSwitch: '还没有切换过。', unitLog: '单元日志', lastProbe: '最近一次探测', noCertificate: '尚无',
    isPaused: '自 {0} 起请求被拦住。点击“恢复”放行。', isMaintenance: '自 {0} 起处于维护模式：客户端收到 503。',
    isQueued: '{0} 个请求正在排队等待应用，最早的已等待 {1}。', places: '名额', placesUsed: '已用 {0} / {1}，{2} 个请求排队',
    isHeld: '{0} 个请求正在等待活动插槽。', isUnhealthy: '活动插槽 {0} 的状态是 {1}。', refused: '被拒绝（{0}）：{1}', done: '完成。',
  },
};

let language = sessionStorage.getItem('language') ?? (navigator.languages.find(one => /^(en|zh)\b/.test(one)) ?? 'en').slice(0, 2);

/** The text in the language of the page, with {0}, {1} … filled in. */
function text(name, ...values) {
  return texts[language][name].replace(/\{(\d)\}/g, (_, index) => values[index]);
}
