-- wrk script: DEPTH requests in one write (wrk ... -- DEPTH); wrk then waits for all DEPTH answers and counts each.
local batch

function init(arguments)
  local requests = {}
  for i = 1, tonumber(arguments[1]) do requests[i] = wrk.format() end
  batch = table.concat(requests)
end

function request()
  return batch
end
