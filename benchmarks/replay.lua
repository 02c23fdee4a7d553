-- Replay the requests of a file in a circle, from a random place, one a line:
-- METHOD \t PATH \t header=value|header=value \t BODY
-- "{uuid}" in a body is a new UUID each time: a gesture is one note.
local requests = {}
local n = 0

local seed = io.open("/dev/urandom", "rb"):read(4)
math.randomseed(seed:byte(1) + seed:byte(2) * 256 + seed:byte(3) * 65536 + seed:byte(4) % 64 * 16777216)

local function uuid()
  return ("xxxxxxxx-xxxx-4xxx-8xxx-xxxxxxxxxxxx"):gsub("x", function()
    return ("%x"):format(math.random(0, 15))
  end)
end

function init(args)
  for line in io.lines(args[1]) do
    local method, path, headers, body = line:match("^([^\t]*)\t([^\t]*)\t([^\t]*)\t(.*)$")
    local h = {}
    for pair in headers:gmatch("[^|]+") do
      local k, v = pair:match("^([^=]+)=(.*)$")
      h[k] = v
    end
    if body:find("{uuid}", 1, true) then
      requests[#requests + 1] = function()
        return wrk.format(method, path, h, (body:gsub("{uuid}", uuid())))
      end
    else
      requests[#requests + 1] = wrk.format(method, path, h, body ~= "" and body or nil)
    end
  end
  n = math.random(#requests)
end

function request()
  n = n % #requests + 1
  local made = requests[n]
  if type(made) == "function" then
    return made()
  end
  return made
end

function done(summary, latency, r)
  io.write(string.format("RESULT %d %d %d %d %.3f %.3f\n", summary.requests, summary.duration,
    summary.bytes, summary.errors.status + summary.errors.timeout + summary.errors.read,
    latency:percentile(50) / 1000, latency:percentile(95) / 1000))
end
