-- Replay the requests of a file, one JSON object a line without nesting, in a circle.
-- Each line: METHOD \t PATH \t header=value;header=value \t BODY
local requests = {}
local n = 0
function init(args)
  for line in io.lines(args[1]) do
    local method, path, headers, body = line:match("^([^\t]*)\t([^\t]*)\t([^\t]*)\t(.*)$")
    local h = {}
    for pair in headers:gmatch("[^|]+") do
      local k, v = pair:match("^([^=]+)=(.*)$")
      h[k] = v
    end
    requests[#requests + 1] = wrk.format(method, path, h, body ~= "" and body or nil)
  end
end
function request()
  n = n % #requests + 1
  return requests[n]
end
local statuses = {}
function response(status) end
function done(summary, latency, r)
  io.write(string.format("RESULT %d %d %d %d %.3f %.3f %d\n", summary.requests, summary.duration,
    summary.bytes, summary.errors.status, latency:percentile(50) / 1000,
    latency:percentile(95) / 1000, summary.errors.timeout))
end
