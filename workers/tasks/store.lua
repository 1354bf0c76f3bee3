-- One task's record is one hash, and each of these is one step that nothing comes between.
--   digest    of what the agent gets to see        replays, attempt   of the newest copy of its message
--   starts    runs that began and never ended      owner, until       who runs it now, and how long it is reserved
--   result    the events of a finished task        done               1 once they are on Kafka, or in the outbox
--   dead      why it was dead-lettered             why                what is known about a run that never ended
-- KEYS[2], where it is given, is the record of a worker from before records had a namespace: read and written as well.
local action = ARGV[1]

local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function is_older(replays, attempt, record)
  local known = tonumber(record.replays or 0)
  return replays < known or (replays == known and attempt < tonumber(record.attempt or 0))
end

local function is_held(record)
  return record.owner and tonumber(record['until']) > now()
end

-- Whether a run is no longer the task's: it has a result, lies dead, is another run's, or went on as a newer copy.
local function is_passed(owner, replays, attempt, record)
  local is_others = record.owner and record.owner ~= owner
  return record.result or record.dead or is_others or is_older(tonumber(replays), tonumber(attempt), record)
end

local function read(key)
  local record, flat = {}, redis.call('HGETALL', key)
  for i = 1, #flat, 2 do record[flat[i]] = flat[i + 1] end
  return record
end

-- Of two records: the one with a result, else the one that is held, else the one of the newer copy.
local function choose(mine, old)
  if mine.result or not next(old) then return mine end
  if old.result or not next(mine) then return old end
  if is_held(mine) then return mine end
  if is_held(old) then return old end
  if is_older(tonumber(mine.replays or 0), tonumber(mine.attempt or 0), old) then return old end
  return mine
end

local function load()
  local record = read(KEYS[1])
  if KEYS[2] then record = choose(record, read(KEYS[2])) end
  return record
end

local function save(record, gone, ttl)
  for _, field in ipairs(gone) do record[field] = nil end
  local flat = {}
  for field, value in pairs(record) do
    flat[#flat + 1] = field
    flat[#flat + 1] = value
  end
  for _, key in ipairs(KEYS) do
    if #gone > 0 then redis.call('HDEL', key, unpack(gone)) end
    redis.call('HSET', key, unpack(flat))
    if ttl then redis.call('PEXPIRE', key, ttl) end
  end
end

local function drop()
  redis.call('DEL', unpack(KEYS))
end

local function begin(owner, digest, replays, attempt, redelivered, lease, most_starts, ttl)
  replays, attempt = tonumber(replays), tonumber(attempt)
  local record = load()
  if record.result then
    if record.digest and record.digest ~= digest then return {'conflict'} end
    return {'result', record.result, record.done or ''}
  end
  if record.dead then
    local is_newer = replays > tonumber(record.replays or 0)
    local is_other = record.digest and record.digest ~= digest
    if redelivered == '1' and not is_newer and not is_other then return {'stale', record.dead} end
    drop()
    record = {}
  end
  if record.digest and record.digest ~= digest then return {'conflict'} end
  if is_older(replays, attempt, record) then return {'stale', ''} end
  if is_held(record) then return {'leased', record.owner} end
  local starts = tonumber(record.starts or 0)
  if starts >= tonumber(most_starts) then
    return {'poison', record.starts, record.why or ''}
  end
  record.starts, record.digest, record.replays, record.attempt = starts + 1, digest, replays, attempt
  record.owner, record['until'] = owner, now() + tonumber(lease)
  save(record, {}, ttl)
  return {'run'}
end

local function complete(owner, result, ttl)
  -- The first result stands, whoever holds the lease by now: it is paid for.
  local record = load()
  if record.result then return {record.result, record.done or ''} end
  record.result = result
  save(record, {'starts', 'owner', 'until', 'why', 'dead'}, ttl)
  return {result, ''}
end

local function done()
  for _, key in ipairs(KEYS) do
    if redis.call('HEXISTS', key, 'result') == 1 then redis.call('HSET', key, 'done', '1') end
  end
  return {}
end

local function release(owner, replays, attempt, following, dead, ttl)
  -- What others came to meanwhile stays: a result, an end, a newer copy, a run.
  local record = load()
  if record.result or record.dead or is_older(tonumber(replays), tonumber(attempt), record) then return {} end
  local gone = {}
  if record.owner == owner then gone = {'starts', 'owner', 'until', 'why'} elseif is_held(record) then return {} end
  record.replays, record.attempt = replays, following
  if dead ~= '' then record.dead = dead end
  save(record, gone, ttl)
  return {}
end

local function renew(owner, replays, attempt, lease, ttl)
  -- Where the record was lost meanwhile, it is reserved anew.
  local record = load()
  if is_passed(owner, replays, attempt, record) then return {} end
  record.owner, record['until'] = owner, now() + tonumber(lease)
  save(record, {}, ttl)
  return {}
end

local function leave(owner, lease)
  -- No start is counted; but the run goes on until its process has gone, so nobody else may begin before.
  local record = load()
  if record.owner ~= owner then return {} end
  record['until'] = now() + tonumber(lease)
  save(record, {'starts', 'why'})
  return {}
end

local function explain(owner, why)
  local record = load()
  if record.owner ~= owner then return {} end
  record.why = why
  save(record, {})
  return {}
end

local function taken(owner, replays, attempt)
  -- Whether the task went on without this run.
  return {is_passed(owner, replays, attempt, load()) and '1' or ''}
end

local function find()
  local record = load()
  return {record.result or '', record.done or '', record.digest or ''}
end

local function forget()
  local record = load()
  if not record.result and not is_held(record) then drop() end
  return {}
end

local actions = {begin = begin, complete = complete, done = done, release = release, renew = renew, leave = leave,
  explain = explain, taken = taken, find = find, forget = forget}
return actions[action](unpack(ARGV, 2))
