#pragma once

#include <string_view>

#include "policies/guard_scripts.hpp"
#include "policies/purge_script.hpp"

namespace pannier::policies::scripts {

// What must be one step inside Redis; the memory store does the same natively. Times are integers
// in milliseconds.

/// Keeps a beginning that is still to come (see beginning.hpp). KEYS its records, ARGV[1] the
/// moment, behind which they need not live. Returns 1.
inline constexpr std::string_view announce =
    "for _, key in ipairs(KEYS) do "
    "  if tonumber(redis.call('GET', key) or '0') < tonumber(ARGV[1]) then "
    "    redis.call('SET', key, ARGV[1], 'PXAT', ARGV[1]) "
    "  end "
    "end "
    "return 1";

/// Moves a tag's generation forward: max(server time, last + 1, what began under it). KEYS[1] the
/// record, as Generation has it, ARGV[1] how long it lives, ARGV[2] "soft" if values are to become
/// stale only; of a tag without a record nothing older is known, so they are invalid all the same.
/// KEYS[2], if given: when any tag was last invalidated; KEYS[3]: the latest beginning under the
/// tag. Returns the record.
inline constexpr std::string_view raise_generation =
    "local t = redis.call('TIME') "
    "local now = t[1] * 1000 + math.floor(t[2] / 1000) "
    "local record = redis.call('GET', KEYS[1]) or '' "
    "local hard = string.match(record, '^%d+') "
    "local last = tonumber(string.match(record, '%d+$') or '0') "
    "local began = KEYS[3] and redis.call('GET', KEYS[3]) or '0' "
    "record = string.format('%.0f', math.max(now, last + 1, tonumber(began))) "
    "if KEYS[2] then "
    "  local any = math.max(tonumber(record), tonumber(redis.call('GET', KEYS[2]) or '0')) "
    "  redis.call('SET', KEYS[2], string.format('%.0f', any), 'PX', ARGV[1]) "
    "end "
    "if ARGV[2] == 'soft' and hard then record = hard .. ' ' .. record end "
    "redis.call('SET', KEYS[1], record, 'PX', ARGV[1]) "
    "return record";

/// Creates generations of tags that were not known when a value began: just before it, if no tag
/// was invalidated since, for then none of these was; else, or if that is not known, so that what
/// begins now is the first that counts. Returns the time.
/// KEYS[1] when any tag was last invalidated, KEYS[2...] the generations, ARGV[1] when the value
/// began, ARGV[2] how long they live.
inline constexpr std::string_view create_generations =
    "local t = redis.call('TIME') "
    "local now = t[1] * 1000 + math.floor(t[2] / 1000) "
    "local any = tonumber(redis.call('GET', KEYS[1]) or '') "
    "if any then redis.call('PEXPIRE', KEYS[1], ARGV[2]) else "
    "  any = now - 1 "
    "  redis.call('SET', KEYS[1], string.format('%.0f', any), 'PX', ARGV[2]) "
    "end "
    "local at = math.max(now - 1, any) "
    "if any < tonumber(ARGV[1]) then at = ARGV[1] - 1 end "
    "for i = 2, #KEYS do "
    "  redis.call('SET', KEYS[i], string.format('%.0f', at), 'NX', 'PX', ARGV[2]) "
    "end "
    "return now";

/// Makes bans, of this moment or of the latest one at which anything began. KEYS[1] their record,
/// KEYS[2] that of the latest beginning, ARGV[1] how long they count at most, ARGV[2] how many
/// there may be, ARGV[3...] their texts. Returns the server time from which they count.
inline constexpr std::string_view raise_bans =
    "local t = redis.call('TIME') "
    "local now = t[1] * 1000 + math.floor(t[2] / 1000) "
    "local last = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES') "
    "if last[2] then now = math.max(now, tonumber(last[2])) end "
    "now = math.max(now, tonumber(redis.call('GET', KEYS[2]) or '0')) "
    "local at = string.format('%.0f', now) "
    "redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now - ARGV[1])) "
    "for i = 3, #ARGV do redis.call('ZADD', KEYS[1], at, ARGV[i]) end "
    "local over = redis.call('ZCARD', KEYS[1]) - ARGV[2] "
    "if over > 0 then "
    "  local old = redis.call('ZPOPMIN', KEYS[1], over + 1) "
    "  local all = 'xs' "
    "  for i = 1, #old, 2 do if string.sub(old[i], 2, 2) ~= 's' then all = 'xh' end end "
    "  redis.call('ZADD', KEYS[1], 'GT', old[#old], all) "
    "end "
    "redis.call('PEXPIRE', KEYS[1], ARGV[1]) "
    "return now";

/// Does to a version what an operator wants, never back; see VersionChange for what. KEYS[1] the
/// record (VersionRecord), ARGV[1] raise, weigh, pin or unpin, ARGV[2] the version to pin, or the
/// oldest with a weight, ARGV[3] the grace period, ARGV[4] the current version known here, ARGV[5]
/// the newest, ARGV[6] the weights. Returns the record.
inline constexpr std::string_view change_version =
    "local f = {} "
    "for word in string.gmatch(redis.call('GET', KEYS[1]) or '', '%S+') do f[#f + 1] = word end "
    "local function number(i) return tonumber(f[i] or '') or 0 end "
    "local what, wanted, grace = ARGV[1], tonumber(ARGV[2]), ARGV[3] "
    "local had, at, kept, previous = number(1), number(2), f[3] or grace, number(4) "
    "if #f == 3 then previous = had - 1 end "
    "local pinned, weights = f[6] == '1', f[7] or '-' "
    "local current = math.max(had, tonumber(ARGV[4])) "
    "if current > had then "
    "  previous, at = had, 0 "
    "  if weights ~= '-' then weights = '0' end "
    "  if had == 0 then previous, kept = current - 1, grace end "
    "end "
    "local top = math.max(number(5), tonumber(ARGV[5]), current) "
    "local function text(x) return string.format('%.0f', x) end "
    "if pinned and (what == 'raise' or what == 'weigh') then "
    "  return redis.error_reply('ERR pannier: the version is pinned to ' .. text(current) .. "
    "    ' (PANNIER VERSION UNPIN ends that); not executed') "
    "end "
    "if what == 'raise' then wanted = top + 1 elseif what == 'unpin' then wanted = current end "
    "if wanted < current then "
    "  return redis.error_reply('ERR pannier: version ' .. text(wanted) .. "
    "    ' is older than the current one, ' .. text(current) .. "
    "    ', and a version never goes back; not executed') "
    "end "
    "if what == 'pin' then pinned = true elseif what == 'unpin' then pinned = false end "
    "if what == 'raise' or (what == 'pin' and wanted > current) then weights = '0' end "
    "if what == 'weigh' then weights = ARGV[6] end "
    "if wanted > current then "
    "  local t = redis.call('TIME') "
    "  at = t[1] * 1000 + math.floor(t[2] / 1000) "
    "  previous, current, kept = current, wanted, grace "
    "end "
    "local record = table.concat({text(current), text(at), kept, text(previous), "
    "  text(math.max(top, current)), pinned and '1' or '0', weights}, ' ') "
    "redis.call('SET', KEYS[1], record) "
    "return record";

/// Writes a version's record where upstream has none, or one of an older version. KEYS[1] the
/// record, ARGV[1] its version, ARGV[2] when that became current (0: now), ARGV[3] the rest of it.
/// Returns the record that is there then.
inline constexpr std::string_view restore_version =
    "local record = redis.call('GET', KEYS[1]) "
    "local had = tonumber(string.match(record or '', '^%d+') or '0') "
    "if record and had >= tonumber(ARGV[1]) then return record end "
    "local at = ARGV[2] "
    "if at == '0' then "
    "  local t = redis.call('TIME') "
    "  at = string.format('%.0f', t[1] * 1000 + math.floor(t[2] / 1000)) "
    "end "
    "record = ARGV[1] .. ' ' .. at .. ' ' .. ARGV[3] "
    "redis.call('SET', KEYS[1], record) "
    "return record";

/// Stores a value whose tags' generations are not known here: as of this very moment and after all
/// of them, with missing ones created just before it, so that the value is valid and nothing older.
/// KEYS[1] the key, KEYS[2...] the generations of its n tags, then n + 1 records of what begins,
/// ARGV[1] the value, ARGV[2] its life, ARGV[3] theirs, ARGV[4] the moment from which on it began
/// at the earliest, ARGV[5...] further options of SET. Returns what SET returns.
inline constexpr std::string_view store_now =
    "local t = redis.call('TIME') "
    "local now = t[1] * 1000 + math.floor(t[2] / 1000) "
    "local born = math.max(now, tonumber(ARGV[4])) "
    "local tags = #KEYS / 2 "
    "for i = 2, tags do "
    "  local generation = tonumber(string.match(redis.call('GET', KEYS[i]) or '', '%d+$') or '') "
    "  if generation then born = math.max(born, generation + 1) else "
    "    redis.call('SET', KEYS[i], string.format('%.0f', now - 1), 'PX', ARGV[3]) "
    "  end "
    "end "
    "for i = tags + 1, born > now and #KEYS or 0 do "
    "  local began = math.max(born, tonumber(redis.call('GET', KEYS[i]) or '0')) "
    "  began = string.format('%.0f', began) "
    "  redis.call('SET', KEYS[i], began, 'PXAT', began) "
    "end "
    "return redis.call('SET', KEYS[1], ARGV[1], 'PXAT', string.format('%.0f', born + ARGV[2]), "
    "  unpack(ARGV, 5))";

/// The same for a key that was just written by another command: it gets its life if it has none.
/// KEYS as above, ARGV[1] its life, ARGV[2] that of the generations, ARGV[3] as ARGV[4] above.
inline constexpr std::string_view expire_now =
    "local t = redis.call('TIME') "
    "local now = t[1] * 1000 + math.floor(t[2] / 1000) "
    "local born = math.max(now, tonumber(ARGV[3])) "
    "local tags = #KEYS / 2 "
    "for i = 2, tags do "
    "  local generation = tonumber(string.match(redis.call('GET', KEYS[i]) or '', '%d+$') or '') "
    "  if generation then born = math.max(born, generation + 1) else "
    "    redis.call('SET', KEYS[i], string.format('%.0f', now - 1), 'PX', ARGV[2]) "
    "  end "
    "end "
    "for i = tags + 1, born > now and #KEYS or 0 do "
    "  local began = math.max(born, tonumber(redis.call('GET', KEYS[i]) or '0')) "
    "  began = string.format('%.0f', began) "
    "  redis.call('SET', KEYS[i], began, 'PXAT', began) "
    "end "
    "return redis.call('PEXPIREAT', KEYS[1], string.format('%.0f', born + ARGV[1]), 'NX')";

/// Replaces the run-time tags of a key if they are what they were. What was invalid under a tag
/// that goes stays so: the record keeps the newest generation of those. KEYS[1] the record, KEYS[2]
/// the key, KEYS[3...] the generations of the tags that go, ARGV[1] what the record must say
/// (empty: it is not there), ARGV[2] the new tags, each behind a space, ARGV[3] how long the record
/// lives at least. Returns whether it was replaced.
inline constexpr std::string_view change_tags =
    "local record = redis.call('GET', KEYS[1]) or '' "
    "if record ~= ARGV[1] then return 0 end "
    "local t = redis.call('TIME') "
    "local now = t[1] * 1000 + math.floor(t[2] / 1000) "
    "local floor = tonumber(string.match(record, '^%d+') or '0') "
    "if record == '' and redis.call('EXISTS', KEYS[2]) == 1 then floor = now end "
    "for i = 3, #KEYS do "
    "  local generation = string.match(redis.call('GET', KEYS[i]) or '', '^%d+') "
    "  floor = math.max(floor, tonumber(generation or now)) "
    "end "
    "local life = math.max(tonumber(ARGV[3]), redis.call('PTTL', KEYS[1]), "
    "  redis.call('PTTL', KEYS[2])) "
    "redis.call('SET', KEYS[1], string.format('%.0f', floor) .. ARGV[2], "
    "  'PX', string.format('%.0f', life)) "
    "return 1";

/// Before a key that may have run-time tags is written: its record lives as long as the value, and
/// there is one if it has none, but not where a value is that may have lost it. KEYS[1] the record,
/// KEYS[2] the key, ARGV[1] what an empty record says, ARGV[2] how long it lives, ARGV[3] 1: what
/// the key holds will be replaced as a whole.
inline constexpr std::string_view keep_record =
    "if ARGV[3] == '1' or redis.call('EXISTS', KEYS[2]) == 0 then "
    "  redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) "
    "end "
    "return redis.call('PEXPIRE', KEYS[1], ARGV[2], 'GT')";

/// Keeps or ends a lease of the fleet that is still ours. KEYS[1] its record, ARGV[1] what we wrote
/// there, ARGV[2] how much longer we need it, 0 for not at all. Returns whether it was ours.
inline constexpr std::string_view hold_lease =
    "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end "
    "if ARGV[2] == '0' then return redis.call('DEL', KEYS[1]) end "
    "return redis.call('PEXPIRE', KEYS[1], ARGV[2])";

/// Ends a lease that is still ours by saying that there is nothing to load. KEYS[1] its record,
/// KEYS[2] that of the absence, ARGV[1] what we wrote into the one, ARGV[2] what the other shall
/// say, ARGV[3] for how long. Returns whether the lease was ours.
inline constexpr std::string_view note_absent =
    "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end "
    "redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3]) return redis.call('DEL', KEYS[1])";

/// Takes a run of a schedule for this sidecar, once in the fleet and never back in time.
/// KEYS[1] the record "done taken until": the last time that was run, the one that somebody is at,
/// and when that one counts as dead. ARGV[1] the time wanted, ARGV[2] how long the record lives,
/// ARGV[3] 1 if nothing is to be made up for where there is no record, ARGV[4] how long a run may
/// take. Returns 1 if it was taken, 2 while another sidecar is at it, 0 if it has been run.
inline constexpr std::string_view claim_run =
    "local record = redis.call('GET', KEYS[1]) "
    "local done, taken, till = string.match(record or '', '^(%d+) (%d+) (%d+)$') "
    "if tonumber(done or '-1') >= tonumber(ARGV[1]) then return 0 end "
    "if not done and ARGV[3] == '1' then "
    "  redis.call('SET', KEYS[1], ARGV[1] .. ' 0 0', 'PX', ARGV[2]) "
    "  return 0 "
    "end "
    "local t = redis.call('TIME') "
    "local now = t[1] * 1000 + math.floor(t[2] / 1000) "
    "if tonumber(taken or '-1') >= tonumber(ARGV[1]) and tonumber(till) > now then return 2 end "
    "redis.call('SET', KEYS[1], string.format('%s %s %.0f', done or '0', ARGV[1], "
    "  now + ARGV[4]), 'PX', ARGV[2]) "
    "return 1";

/// The run that was taken is done; a later one that somebody is at goes on. KEYS[1] and the first
/// two ARGV as above. Returns 1.
inline constexpr std::string_view finish_run =
    "local record = redis.call('GET', KEYS[1]) or '' "
    "local done, taken, till = string.match(record, '^(%d+) (%d+) (%d+)$') "
    "if tonumber(done or '-1') < tonumber(ARGV[1]) then "
    "  if tonumber(taken or '-1') <= tonumber(ARGV[1]) then taken, till = '0', '0' end "
    "  redis.call('SET', KEYS[1], table.concat({ARGV[1], taken, till}, ' '), 'PX', ARGV[2]) "
    "end "
    "return 1";

}  // namespace pannier::policies::scripts
