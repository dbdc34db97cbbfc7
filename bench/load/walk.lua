-- wrk script: many paths (wrk ... -- WHAT FILES SEED OFFSET).
--   walk    the tree of tree.py in an order that SEED shuffles, from place OFFSET on: none twice before all others
--   random  any file of the tree, each time
--   missing names in /many that do not exist, each time another
-- With a fifth word, `statuses`, answers are counted by status (this costs wrk time) and printed at the end.
local threads = {}

function setup(thread) table.insert(threads, thread) end

local function shuffled(count)
  local order = {}
  for i = 1, count do order[i] = i - 1 end
  for i = count, 2, -1 do
    local other = math.random(i)
    order[i], order[other] = order[other], order[i]
  end
  return order
end

local format = string.format
local head, tail = "GET ", " HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"

local function path_of(number) return format("/%02d/%06d.txt", number % 100, number) end

function init(arguments)
  local what, files, place = arguments[1], tonumber(arguments[2]), tonumber(arguments[4])
  math.randomseed(tonumber(arguments[3]))
  if what == "walk" then
    local order = shuffled(files)
    function request()
      place = place + 1
      return head .. path_of(order[(place - 1) % files + 1]) .. tail
    end
  elseif what == "random" then
    function request() return head .. path_of(math.random(files) - 1) .. tail end
  else
    function request() return head .. "/many/" .. math.random(2 ^ 31) .. "-missing.txt" .. tail end
  end
  unavailable, wrong = 0, 0
  if arguments[5] ~= "statuses" then response = nil end
end

function response(status)
  if status == 503 then unavailable = unavailable + 1 elseif status ~= 200 then wrong = wrong + 1 end
end

function done()
  local refused, others = 0, 0
  for _, thread in ipairs(threads) do
    refused = refused + (thread:get("unavailable") or 0)
    others = others + (thread:get("wrong") or 0)
  end
  print(format("unavailable %d wrong %d", refused, others))
end
