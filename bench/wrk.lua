-- One script for every load: METHOD, BODY bytes and HEADERS ("Name: value" each) from the command line; the result as one line of JSON.
function init(args)
  wrk.method = args[1]
  local size = tonumber(args[2])
  if size > 0 then wrk.body = string.rep("x", size) end
  for i = 3, #args do
    local name, value = args[i]:match("^([^:]+):%s*(.*)$")
    wrk.headers[name] = value
  end
  request_bytes = wrk.format()
end

function request() return request_bytes end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    'JSON {"requests":%d,"seconds":%.6f,"failed":%d,"p50":%.1f,"p99":%.1f,"p999":%.1f}\n',
    summary.requests, summary.duration / 1e6,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout,
    latency:percentile(50), latency:percentile(99), latency:percentile(99.9)))
end
