-- One task's record is one hash, and each of these is one step that nothing comes between.
--   digest    of what the agent gets to see        replays, attempt   of the newest copy of its message
--   starts    runs that began and never ended      owner, until       who runs it now, and how long it is reserved
--   result    the events of a finished task        done               1 once they are on Kafka, or in the outbox
--   dead      why it was dead-lettered             why                what is known about a run that never ended
local task, action = KEYS[1], ARGV[1]

local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function is_older(replays, attempt, record)
  local known = tonumber(record.replays or 0)
  return replays < known or (replays == known and attempt < tonumber(record.attempt or 0))
end

local function read()
  local record, flat = {}, redis.call('HGETALL', task)
  for i = 1, #flat, 2 do record[flat[i]] = flat[i + 1] end
  return record
end

local function begin(owner, digest, replays, attempt, redelivered, lease, most_starts, ttl)
  replays, attempt = tonumber(replays), tonumber(attempt)
  local record = read()
  if record.result then
    if record.digest and record.digest ~= digest then return {'conflict'} end
    return {'result', record.result, record.done or ''}
  end
  if record.dead then
    local is_newer = replays > tonumber(record.replays or 0)
    if redelivered == '1' and not is_newer then return {'stale', record.dead} end
    redis.call('DEL', task)
    record = {}
  end
  if record.digest and record.digest ~= digest then return {'conflict'} end
  if is_older(replays, attempt, record) then return {'stale', ''} end
  if record.owner and tonumber(record['until']) > now() then return {'leased', record.owner} end
  if tonumber(record.starts or 0) >= tonumber(most_starts) then
    return {'poison', record.starts, record.why or ''}
  end
  redis.call('HINCRBY', task, 'starts', 1)
  redis.call('HSET', task, 'digest', digest, 'replays', replays, 'attempt', attempt,
    'owner', owner, 'until', now() + tonumber(lease))
  redis.call('PEXPIRE', task, ttl)
  return {'run'}
end

local function complete(owner, result, ttl)
  -- The first result stands, whoever holds the lease by now: it is paid for.
  if redis.call('HSETNX', task, 'result', result) == 0 then
    return {redis.call('HGET', task, 'result'), redis.call('HGET', task, 'done') or ''}
  end
  redis.call('HDEL', task, 'starts', 'owner', 'until', 'why', 'dead')
  redis.call('PEXPIRE', task, ttl)
  return {result, ''}
end

local function release(owner, replays, attempt, dead, ttl)
  -- A result stays: whoever finished meanwhile has nothing to be told.
  if redis.call('HEXISTS', task, 'result') == 1 then return {} end
  if redis.call('HGET', task, 'owner') == owner then
    redis.call('HDEL', task, 'starts', 'owner', 'until', 'why')
  end
  redis.call('HSET', task, 'replays', replays, 'attempt', attempt)
  if dead ~= '' then redis.call('HSET', task, 'dead', dead) end
  redis.call('PEXPIRE', task, ttl)
  return {}
end

local function renew(owner, lease, ttl)
  -- Where the record was lost meanwhile, it is reserved anew.
  local holder = redis.call('HGET', task, 'owner')
  if redis.call('HEXISTS', task, 'result') == 1 or (holder and holder ~= owner) then return {} end
  redis.call('HSET', task, 'owner', owner, 'until', now() + tonumber(lease))
  redis.call('PEXPIRE', task, ttl)
  return {}
end

local function leave(owner, lease)
  -- No start is counted; but the run goes on until its process has gone, so nobody else may begin before.
  if redis.call('HGET', task, 'owner') ~= owner then return {} end
  redis.call('HDEL', task, 'starts', 'why')
  redis.call('HSET', task, 'until', now() + tonumber(lease))
  return {}
end

local function explain(owner, why)
  if redis.call('HGET', task, 'owner') == owner then redis.call('HSET', task, 'why', why) end
  return {}
end

local function forget()
  local record = read()
  local is_running = record.owner and tonumber(record['until']) > now()
  if not record.result and not is_running then redis.call('DEL', task) end
  return {}
end

local actions = {begin = begin, complete = complete, release = release, renew = renew, leave = leave,
  explain = explain, forget = forget}
return actions[action](unpack(ARGV, 2))
