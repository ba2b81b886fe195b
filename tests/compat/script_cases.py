"""Scripts that are run on kvd and on real servers; see test_scripts.py. Each gets two keys, k1 and k2, and arguments a1, a2."""

# Prints any value in one way: tables with sorted keys, numbers with all digits, strings escaped.
SHOW = r"""
local function show(v, depth)
  depth = depth or 0
  if type(v) == 'table' then
    if depth > 8 then return '...' end
    local keys, out = {}, {}
    for k in pairs(v) do keys[#keys + 1] = k end
    table.sort(keys, function(a, b)
      if type(a) == type(b) and type(a) ~= 'boolean' and type(a) ~= 'table' then return a < b end
      return type(a) < type(b)
    end)
    for _, k in ipairs(keys) do out[#out + 1] = show(k, depth + 1) .. '=' .. show(v[k], depth + 1) end
    return '{' .. table.concat(out, ',') .. '}'
  elseif type(v) == 'number' then return string.format('%.17g', v)
  elseif type(v) == 'string' then return '"' .. v:gsub('[^ -~]', function(c) return '\\' .. c:byte() end) .. '"'
  elseif type(v) == 'function' or type(v) == 'thread' then return type(v)
  elseif v == cjson.null then return 'null'
  else return tostring(v) end
end
"""

SCRIPTS = [
    r"""x = 1""",
    r"""return x""",
    r"""KEYS = {1} return KEYS""",
    r"""KEYS[1]='z' KEYS[5]='y' return KEYS""",
    r"""redis.foo = 1""",
    r"""rawset(_G,'x',1)""",
    r"""table.insert(_G, 1)""",
    r"""setmetatable(_G, {})""",
    r"""return type(getmetatable(_G))""",
    r"""return type(getmetatable(redis))""",
    r"""return type(getmetatable(''))""",
    r"""setmetatable(redis, {})""",
    r"""error('boom')""",
    r"""error({err='My err'})""",
    r"""error(nil)""",
    r"""error()""",
    r"""error('boom', 0)""",
    r"""error('boom', 2)""",
    r"""return redis.call('nosuch')""",
    r"""return redis.call('get')""",
    r"""return redis.call()""",
    r"""return redis.call({})""",
    r"""return redis.call('get', {})""",
    r"""return redis.call('get', true)""",
    r"""return redis.call('get', nil)""",
    r"""return redis.pcall('get', {})""",
    r"""return redis.pcall('nosuch')""",
    r"""return redis.call('lpush','l',1), redis.call('get','l')""",
    r"""local a = redis.pcall('get','l') return {a.err, tostring(a.source), tostring(a.line), tostring(a.ignore_error_stats_update)}""",
    r"""local ok,a = pcall(redis.call,'get','l') local r={} for k,v in pairs(a) do r[#r+1]=k..':'..tostring(v) end return r""",
    r"""local ok,a = pcall(error, 'xx') return {tostring(ok), type(a), tostring(a)}""",
    r"""local ok,a = pcall(function() local x = nil; return x.y end) return {tostring(ok), type(a), tostring(a)}""",
    r"""local ok,a = xpcall(function() local x = nil; return x.y end, function(e) return 'H:'..tostring(e) end) return {tostring(ok), type(a), tostring(a)}""",
    r"""return {1,2,3.7,'x',true,false,nil,5}""",
    r"""return {1,2,3.7,'x',true,false,{ok='fine'},{err='bad'}}""",
    r"""return {err='bad'}""",
    r"""return {err='ERR bad\r\nx'}""",
    r"""return {ok='fine\r\nx'}""",
    r"""return 3.99""",
    r"""return -3.99""",
    r"""return 1e300""",
    r"""return 0/0""",
    r"""return 2^53""",
    r"""return false""",
    r"""return nil""",
    r"""return""",
    r"""return true""",
    r"""return {double=3.5}""",
    r"""return {map={a=1}}""",
    r"""return {set={a=true}}""",
    r"""return {big_number='123'}""",
    r"""return {verbatim_string={format='txt',string='abc'}}""",
    r"""return print""",
    r"""return function() end""",
    r"""return coroutine.create(function() end)""",
    r"""return redis.error_reply('x')""",
    r"""return redis.error_reply('-x y')""",
    r"""return redis.error_reply('')""",
    r"""return redis.error_reply()""",
    r"""return redis.error_reply(1,2)""",
    r"""return redis.status_reply('x')""",
    r"""return redis.status_reply({})""",
    r"""return redis.sha1hex('x')""",
    r"""return redis.sha1hex()""",
    r"""return redis.sha1hex('a','b')""",
    r"""return redis.log(redis.LOG_WARNING,'x')""",
    r"""return redis.log('x')""",
    r"""return redis.log(17,'x')""",
    r"""return redis.log('a','x')""",
    r"""return redis.setresp(3)""",
    r"""return redis.setresp(4)""",
    r"""return redis.setresp()""",
    r"""return redis.setresp('x')""",
    r"""return redis.set_repl(redis.REPL_ALL)""",
    r"""return redis.set_repl(77)""",
    r"""return redis.set_repl()""",
    r"""return tostring(redis.replicate_commands())""",
    r"""return redis.breakpoint()""",
    r"""local t={} t.t=t return t""",
    r"""local t={1} for i=1,100 do t={t} end return t""",
    r"""math.randomseed(7) return {tostring(math.random()), tostring(math.random(1000000)), tostring(math.random(5,900000))} """,
    r"""redis.call('set','n',0.1) redis.call('set','m',3) redis.call('set','o',1e20) redis.call('set','p',2^53) redis.call('set','q',-1.5e-7) return redis.call('mget','n','m','o','p','q')""",
    r"""redis.call('set','n',1/0) redis.call('set','m',0/0) redis.call('set','o',12345678.9) redis.call('set','p',1e17) redis.call('set','q',1e15) return redis.call('mget','n','m','o','p','q')""",
    r"""this is not lua""",
    r"""return (""",
    r"""return redis.call('multi')""",
    r"""return redis.call('eval','return 1',0)""",
    r"""return redis.call('subscribe','x')""",
    r"""return redis.call('blpop','nolist',0)""",
    r"""return redis.call('xread','block',0,'streams','nos','$')""",
    r"""return redis.call('client','id')""",
    r"""return redis.call('config','get','maxmemory')""",
    r"""return redis.call('script','load','x')""",
    r"""return redis.call('info','nosuch')""",
    r"""return redis.call('time')[1] == redis.call('time')[1]""",
    r"""return redis.call('ping')""",
    r"""return {redis.call('ping')}""",
    r"""local p = redis.call('ping') return {type(p), p.ok}""",
    r"""return redis.call('select',3)""",
    r"""return redis.call('hello',3)""",
    r"""return redis.call('auth','x')""",
    r"""return redis.call('set','k','v')""",
    r"""return type(redis.call('get','nonexist'))""",
    r"""return type(redis.call('blpop','nonexist',1))""",
    r"""return redis.pcall('incr','k')""",
    r"""redis.pcall('incr','k')""",
    r"""return tostring({}):sub(1,6)""",
    r"""return load""",
    r"""return loadstring('return 5')()""",
    r"""return loadstring('x = 5')()""",
    r"""return loadstring(string.dump(function() return 5 end))""",
    r"""return loadstring('bad code here')""",
    r"""return tostring(select(2, loadstring('bad code here')))""",
    r"""return load(function() return nil end)""",
    r"""local n=0 local f=load(function() n=n+1 if n==1 then return 'return 7' end end) return f()""",
    r"""return collectgarbage('count') > 0""",
    r"""return collectgarbage('stop')""",
    r"""return unpack({1,2,3})""",
    r"""return {unpack({}, 1, 9000)}""",
    r"""return ('a?'):rep(20):len()""",
    r"""return string.format('%5.2f|%s|%q|%d', 3.14159, 'x', 'a\nb', 3)""",
    r"""return tostring(1e15)..' '..tostring(0.1)..' '..tostring(1/3)..' '..tostring(-0)..' '..tostring(1/0)..' '..tostring(0/0)""",
    r"""return table.concat({1,2,3},',')""",
    r"""return table.getn({1,2})""",
    r"""return string.gfind""",
    r"""return math.mod""",
    r"""return math.huge""",
    r"""#!lua
return 1""",
    r"""#!lua flags=no-writes
return redis.call('set','x',1)""",
    r"""#!lua flags=bad
return 1""",
    r"""#!lua name=x
return 1""",
    r"""#!js
return 1""",
    r"""#!lua flags=no-writes,allow-stale
error('x')""",
    r"""#!lua
error('second line')""",
]

# replies of commands as scripts see them, in RESP2 and RESP3
SETUP = [
    ("SET", "s", "v"), ("RPUSH", "l", "a", "b", "c"), ("HSET", "h", "f", "v", "g", "w"), ("SADD", "set", "m"), ("ZADD", "z", "1.5", "m", "2", "n"),
    ("XADD", "x", "1-1", "f", "v"), ("SET", "n", "10"), ("GEOADD", "geo", "13.4", "52.5", "berlin"), ("SETBIT", "bits", "7", "1"),
]  # fmt: skip
COMMANDS = [
    "'get','s'", "'get','none'", "'get','l'", "'mget','s','none','l'", "'lrange','l',0,-1", "'lrange','none',0,-1", "'hgetall','h'",
    "'hgetall','none'", "'hget','h','f'", "'hmget','h','f','q'", "'smembers','set'", "'smembers','none'", "'sismember','set','m'",
    "'zscore','z','m'", "'zscore','z','q'", "'zrange','z',0,-1,'withscores'", "'zrangebyscore','z','-inf','inf'", "'zrank','z','n'",
    "'zpopmin','z'", "'zadd','z','incr',1,'m'", "'zmscore','z','m','q'", "'xrange','x','-','+'", "'xread','streams','x','0'", "'xread','streams','x','$'",
    "'xlen','x'", "'incr','n'", "'incrbyfloat','n','0.5'", "'incr','s'", "'ping'", "'ping','hi'", "'echo','hi'", "'type','h'", "'exists','s','none'",
    "'ttl','s'", "'expire','s',100", "'set','s','w','get'", "'set','s','w','nx'", "'setnx','s','w'", "'geopos','geo','berlin','none'", "'geodist','geo','berlin','berlin'",
    "'geosearch','geo','fromlonlat',13,52,'byradius',200,'km','withdist','withcoord'", "'sort','l','alpha'", "'object','encoding','s'", "'object','encoding','none'",
     "'dbsize'", "'scan','0','count','100','match','zz*'", "'hscan','h','0'", "'lpop','l'", "'lpop','none'", "'lpop','l',2", "'lpop','none',2", "'blpop','none',0", "'brpop','l',0",
    "'blmove','none','l','left','right',0", "'bzpopmin','none',0", "'lmpop',1,'l','left'", "'lmpop',1,'none','left'", "'zmpop',1,'z','min'", "'srandmember','set'", "'srandmember','none'", "'spop','set'",
    "'bitcount','bits'", "'getbit','bits',7", "'bitfield','bits','get','u8',0,'overflow','fail','set','u4',0,99", "'pfadd','hll','a'", "'pfcount','hll'", "'command','count','x'",
    "'dump','none'", "'restore','s',0,'bad'", "'rename','none','x'", "'config','get','hz'", "'nosuch'", "'get'", "'get','a','b'", "'publish','ch','m'", "'select',99", "'select','x'",
    "'set','s','v','ex',0", "'lset','l',99,'x'", "'hincrby','h','f',1", "'smove','set','l','m'", "'copy','s','t'", "'append','s','x'", "'getrange','s',0,0", "'strlen','s'", "'lcs','s','s','idx'",
    "'memory','usage','none'", "'memory','nosuch'", "'client','nosuch'", "'debug','x'", "'xadd','x','1-1','f','v'", "'xgroup','create','x','g','0'", "'xautoclaim','x','nog','c',0,'0'", "'touch','s'", "'unlink','s'",
    "'hrandfield','none',2,'withvalues'", "'zrandmember','none'", "'zdiff',1,'z','withscores'", "'zinter',1,'z'", "'sintercard',1,'set'", "'sinter','set','none'", "'linsert','l','before','b','x'", "'lpos','l','c'", "'lpos','l','q'",
    "'substr','s',0,0", "'getdel','s'", "'getex','s','ex',100", "'msetnx','s',1", "'persist','s'", "'pttl','none'", "'expiretime','s'", "'time','x'", "'shutdown'", "'monitor'", "'quit'", "'reset'", "'discard'", "'exec'", "'watch','s'", "'unwatch'",
    "'spublish','ch','m'", "'ssubscribe','ch'", "'fcall','f',0", "'function','list'",
]  # fmt: skip

# values that scripts return, seen by clients of RESP2 and RESP3
VALUES = [
    "{double=3.5}", "{double=1e300}", "{double=-0.1}", "{double=10}", "{double=1/0}", "{double='x'}", "{map={}}", "{map={a=1}}", "{map={[1]='x'}}", "{map={a={map={b=2}}}}", "{map={a={1,2}}}", "{map=1}",
    "{set={}}", "{set={a=true}}", "{set={a=1}}", "{set={[2]=true}}", "{set={1}}", "{big_number='123456789012345678901234567890'}", "{big_number='1\\r\\n2'}", "{big_number=5}",
    "{verbatim_string={format='txt',string='abc'}}", "{verbatim_string={format='m',string='a\\nb'}}", "{verbatim_string={format='markdown',string='abc'}}", "{verbatim_string={string='abc'}}", "{verbatim_string='x'}",
    "{ok='x'}", "{ok=1}", "{err='x'}", "{err='ERR x'}", "{err=1}", "{err='X y', ignore_error_stats_update=true}", "{ok='a', 1, 2}", "{err='a', 1, 2}", "{1,{2,{3}},{ok='x'},{err='y'}}", "{nil,1}", "{1,nil,2}", "{false,true}", "{a=1}", "{}", "{{}}",
    "true", "false", "nil", "1", "-1", "1.9", "-1.9", "2^31", "2^53", "2^63", "-2^63", "1e100", "'x'", "''", "'a\\r\\nb'", "'\\0'", "{1.5,'x',2.7}", "{[1]=1,[2]=2,[4]=4}", "{[0]=1,[1]=2}", "function() end", "{function() end, 1}", "coroutine.create(function() end)", "cjson.null", "{cjson.null}",
    "setmetatable({},{__index=function() return 1 end})", "setmetatable({1},{__tostring=function() return 'x' end})", "redis.error_reply('MY err')", "redis.error_reply('-MY err')", "redis.error_reply('ERR x')", "redis.status_reply('FINE')", "{redis.status_reply('A'),redis.error_reply('B')}",
    "redis.pcall('get','l')", "{redis.pcall('get','l')}", "redis.pcall('nosuch')", "1,2,3", "KEYS", "ARGV", "{KEYS,ARGV}", "#KEYS", "KEYS[3]", "tostring(nil)", "tostring(12.5)", "12 .. ''", "1e15 .. ''", "1e14 .. ''", "0.1 .. ''", "-0 .. ''", "'10'+5", "'0x10'+0", "10 == '10'",
]  # fmt: skip

JSON_VALUES = [
    "{}", "{1,2,3}", "{a=1}", "{{}}", "{{1},{2}}", "{[1]=1,[3]=3}", "{[1]=1,[25]=3}", "{[100]=1}", "{[0]=1}", "{[1.5]=1}", "{[-1]=1}", "{1,2,a=3}", "'x'", "'\"\\\\/\\b\\f\\n\\r\\t\\0\\1\\31\\127\\128\\255'", "'ü'", "1", "-1", "1.5", "0.1", "1/3", "1e20", "1e14", "1e15", "123456789012345", "1e-5", "2^53", "-0",
    "true", "false", "nil", "cjson.null", "{cjson.null}", "{a=cjson.null}", "1/0", "-1/0", "0/0", "function() end", "{function() end}", "{[true]=1}", "{[{}]=1}", "coroutine.create(function() end)", "{a={b={c={1,2,{d='e'}}}}}", "{nil,2}", "{1,nil,3}", "{n=0/0}", "setmetatable({1,2},{__index={3}})",
]  # fmt: skip
JSON_TEXTS = [
    "{}", "[]", "[1,2,3]", '{"a":1}', ' { "a" : [ 1 , 2 ] } ', '"x"', '"\\u0041\\u00e9\\u20ac\\ud83d\\ude00"', '"\\ud83d"', '"\\udc00"', '"\\u12"', '"\\u00zz"', '"\\x"', '"abc', '"\\"\\\\\\/\\b\\f\\n\\r\\t"', '"\\u0000"', "1", "-1", "1.5", "1e3", "1E+3", "-0", "0123", "0x10", "+1", ".5", "1.", "1e", "--1", "-", "inf", "Infinity", "-inf", "nan", "NaN", "-nan", "1e400",
    "true", "false", "null", "True", "nul", "truex", "[1,]", "[,1]", "[1 2]", "[1", "[", "]", "{", "}", '{"a"}', '{"a":}', '{"a":1,}', '{a:1}', '{"a":1 "b":2}', '{"a":1', "{1:2}", "", " ", "[1]x", "[1] ", "[null]", '{"a":null}', '{"a":1,"a":2}', '{"":1}', '{"1":1}', "[[[[[]]]]]", "\\0", "x\\0", "[1,\\02]", '"a\\0b"', "\\t[\\n1\\r]", "\\v1", "[1.0,2.50]", "123456789012345678901234567890", "1e-320", "'x'", "//x", "[true,false,null]", "\\239\\187\\191[1]",
]  # fmt: skip
JSON_CALLS = [
    "cjson.encode()", "cjson.encode(1,2)", "cjson.decode()", "cjson.decode(1)", "cjson.decode({})", "cjson.decode('1','2')", "cjson.encode_sparse_array()", "cjson.encode_max_depth()", "cjson.decode_max_depth()", "cjson.encode_number_precision()", "cjson.encode_keep_buffer()", "cjson.encode_invalid_numbers()",
    "cjson.decode_invalid_numbers()", "cjson.new().encode({1})", "(function() local c=cjson.new() c.encode_sparse_array(true) return c.encode({[100]=1}) end)()", "(function() local c=cjson.new() c.encode_sparse_array(true,3,5) return {c.encode_sparse_array()} end)()", "(function() local c=cjson.new() c.encode_number_precision(3) return c.encode(3.14159) end)()",
    "(function() local c=cjson.new() c.encode_number_precision(17) end)()", "(function() local c=cjson.new() c.encode_invalid_numbers(true) return c.encode({1/0,-1/0}) end)()", "(function() local c=cjson.new() c.encode_invalid_numbers('null') return c.encode({1/0,0/0}) end)()", "(function() local c=cjson.new() c.decode_invalid_numbers(false) return c.decode('nan') end)()",
    "(function() local c=cjson.new() c.decode_invalid_numbers(false) return c.decode('0x1') end)()", "(function() local c=cjson.new() c.decode_invalid_numbers(false) return c.decode('01') end)()", "(function() local c=cjson.new() c.encode_max_depth(2) return c.encode({{{1}}}) end)()", "(function() local c=cjson.new() c.encode_max_depth(3) return c.encode({{{1}}}) end)()", "(function() local c=cjson.new() c.decode_max_depth(2) return c.decode('[[[1]]]') end)()",
    "cjson.encode_max_depth(0)", "cjson.encode_max_depth('x')", "cjson.encode_keep_buffer('maybe')", "cjson.decode(string.rep('[',1001)..string.rep(']',1001))", "(function() local t={} for i=1,1001 do t={t} end return cjson.encode(t) end)()", "(function() local t={} t[1]=t return cjson.encode(t) end)()", "cjson.encode(cjson.decode('[]'))", "cjson.decode('null') == cjson.null", "cjson._NAME", "cjson._VERSION",
]  # fmt: skip

PACK_VALUES = [
    "nil", "true", "false", "0", "1", "127", "128", "255", "256", "65535", "65536", "4294967295", "4294967296", "2^53", "2^63", "2^64", "-1", "-32", "-33", "-128", "-129", "-32768", "-32769", "-2147483648", "-2147483649", "-2^63", "1.5", "0.1", "1e300", "1/0", "-1/0", "0/0", "-0", "''", "'x'", "('x'):rep(31)", "('x'):rep(32)", "('x'):rep(255)", "('x'):rep(256)", "('x'):rep(65535)", "('x'):rep(65536)",
    "{}", "{1,2,3}", "{a=1}", "{[2]=1}", "{1,nil,3}", "{1,2,x=3}", "{{{{}}}}", "{[1.5]=1}", "{[0]=1}", "{[-1]=1}", "(function() local t={} for i=1,15 do t[i]=i end return t end)()", "(function() local t={} for i=1,16 do t[i]=i end return t end)()", "(function() local t={} for i=1,65536 do t[i]=1 end return t end)()", "(function() local t={1} for i=1,20 do t={t} end return t end)()",
    "function() end", "{function() end}", "cjson.null", "1,2,3", "'a',{1},nil",
]  # fmt: skip
PACKED = [
    "", "\\xc0", "\\xc2", "\\xc3", "\\x00", "\\x7f", "\\xff", "\\xe0", "\\xcc\\xff", "\\xcd\\x01\\x00", "\\xce\\xff\\xff\\xff\\xff", "\\xcf\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff", "\\xd0\\x80", "\\xd1\\x80\\x00", "\\xd2\\x80\\x00\\x00\\x00", "\\xd3\\x80\\x00\\x00\\x00\\x00\\x00\\x00\\x00", "\\xca\\x3f\\xc0\\x00\\x00", "\\xcb\\x3f\\xf8\\x00\\x00\\x00\\x00\\x00\\x00", "\\xa0", "\\xa3abc", "\\xd9\\x03abc", "\\xda\\x00\\x03abc", "\\xdb\\x00\\x00\\x00\\x03abc", "\\xc4\\x03abc", "\\xc5\\x00\\x03abc", "\\xc6\\x00\\x00\\x00\\x03abc",
    "\\x90", "\\x93\\x01\\x02\\x03", "\\xdc\\x00\\x02\\x01\\x02", "\\xdd\\x00\\x00\\x00\\x01\\x05", "\\x80", "\\x81\\xa1a\\x01", "\\xde\\x00\\x01\\x01\\x02", "\\xdf\\x00\\x00\\x00\\x01\\x01\\x02", "\\x01\\x02\\x03", "\\xc1", "\\xc7\\x01\\x01x", "\\xd4\\x01x", "\\xa3ab", "\\xcc", "\\xcd\\x01", "\\xd9", "\\xd9\\x05ab", "\\x93\\x01", "\\x81\\x01", "\\xdd\\xff\\xff\\xff\\xff", "\\xdb\\xff\\xff\\xff\\xffx", "\\xdf\\x7f\\xff\\xff\\xff", "\\x81\\xc0\\x01", "\\x92\\xc0\\x01",
]  # fmt: skip
PACK_CALLS = [
    "cmsgpack.pack()", "cmsgpack.unpack()", "cmsgpack.unpack({})", "cmsgpack.unpack_one('\\1\\2\\3')", "cmsgpack.unpack_one('\\1\\2\\3',1)", "cmsgpack.unpack_one('\\1\\2\\3',2)", "cmsgpack.unpack_one('\\1\\2\\3',3)", "cmsgpack.unpack_one('\\1\\2\\3',4)", "cmsgpack.unpack_one('\\1',-1)", "cmsgpack.unpack_limit('\\1\\2\\3',2)", "cmsgpack.unpack_limit('\\1\\2\\3',2,1)", "cmsgpack.unpack_limit('\\1\\2\\3',-1)",
    "cmsgpack.unpack_limit('\\1\\2\\3')", "cmsgpack.unpack_limit('\\1\\2\\3',0)", "cmsgpack.unpack_limit('\\1\\2\\3',5,5)", "cmsgpack._NAME", "cmsgpack._VERSION", "cmsgpack.unpack(cmsgpack.pack({a={1,2,{b='c'}},d=1.5}))",
]  # fmt: skip

STRUCTS = [
    ("'b'", "1"), ("'b'", "-1"), ("'B'", "255"), ("'B'", "256"), ("'h'", "-2"), ("'H'", "65535"), ("'>h'", "258"), ("'<h'", "258"), ("'=h'", "258"), ("'i'", "-5"), ("'I'", "4294967295"), ("'>I'", "1"), ("'l'", "2^53"), ("'L'", "2^63"), ("'>l'", "-1"), ("'T'", "7"), ("'i1'", "5"), ("'i2'", "500"), ("'i3'", "70000"), ("'>i3'", "-70000"), ("'i5'", "2^36"), ("'i8'", "-2^40"), ("'i16'", "5"), ("'i16'", "-5"), ("'>i16'", "-5"), ("'I32'", "1"), ("'i33'", "1"),
    ("'f'", "1.5"), ("'d'", "0.1"), ("'>f'", "1.5"), ("'>d'", "0.1"), ("'s'", "'abc'"), ("'s'", "'a\\0b'"), ("'c3'", "'abcdef'"), ("'c3'", "'ab'"), ("'c0'", "'abc'"), ("'c'", "'abc'"), ("'x'", ""), ("'xbx'", "1"), ("'!4 b i'", "1,2"), ("'!bi'", "1,2"), ("'!8 b d'", "1,2"), ("'!3 b'", "1"), ("'!0 b'", "1"), ("'!2 b l'", "1,2"), ("'b!4i3'", "1,2"), ("'bbb'", "1,2,3"), ("'b b'", "1"), ("'q'", "1"), ("'Bc0'", "3,'abc'"), ("'b'", "1.9"), ("'b'", "-1.9"), ("'b'", "'7'"), ("'b'", "'x'"), ("'b'", "nil"), ("'H'", "-1"), ("'I8'", "2^64"), ("'i8'", "1e300"),
    ("'>bhilBHIL'", "1,2,3,4,5,6,7,8"), ("'<fd>fd'", "1,2,3,4"), ("'i99999999999'", "1"), ("''", ""), ("'=b>b<b'", "1,2,3"),
]  # fmt: skip
STRUCT_CALLS = [
    "struct.unpack('b','\\5')", "struct.unpack('b','')", "struct.unpack('h','\\1')", "struct.unpack('>h','\\1\\2')", "struct.unpack('b','\\1\\2',2)", "struct.unpack('b','\\1\\2',3)", "struct.unpack('b','\\1\\2',0)", "struct.unpack('b','\\1\\2',-1)", "struct.unpack('b','\\1',2^40)", "struct.unpack('s','abc\\0def')", "struct.unpack('s','abc')", "struct.unpack('c3','abcdef')", "struct.unpack('c9','abc')", "struct.unpack('c0','abc')", "struct.unpack('Bc0','\\3abcd')", "struct.unpack('Bc0','\\9abcd')", "struct.unpack('bc0','\\255abcd')", "struct.unpack('sc0','abc\\0abc')",
    "struct.unpack('I8','\\255\\255\\255\\255\\255\\255\\255\\255')", "struct.unpack('i8','\\255\\255\\255\\255\\255\\255\\255\\255')", "struct.unpack('i16',('\\255'):rep(16))", "struct.unpack('>i3','\\255\\0\\1')", "struct.unpack('f','\\0\\0\\192\\63')", "struct.unpack('x','a')", "struct.unpack('x','')", "struct.unpack('!4bi','\\1\\0\\0\\0\\2\\0\\0\\0')", "struct.unpack('q','a')", "struct.unpack()", "struct.unpack('b')", "struct.unpack('bbb','\\1\\2\\3')", "struct.unpack('>I2','\\1\\2')", "struct.unpack('c2147483647','abc')", "struct.unpack('c99999999999','abc')",
    "struct.size('b')", "struct.size('bhil')", "struct.size('!bhil')", "struct.size('!8bd')", "struct.size('c10')", "struct.size('s')", "struct.size('c0')", "struct.size('xxx')", "struct.size('')", "struct.size('q')", "struct.size('i3')", "struct.size('fd')", "struct.pack()", "struct.pack(5)", "struct.size()",
]  # fmt: skip

BITS = [
    "bit.tobit(0xffffffff)", "bit.tobit(2^31)", "bit.tobit(2^40+7)", "bit.tobit(-1)", "bit.tobit(1.5)", "bit.tobit(2.5)", "bit.tobit('12')", "bit.tobit('x')", "bit.tobit()", "bit.tobit(1e300)", "bit.tohex(255)", "bit.tohex(-1)", "bit.tohex(255,4)", "bit.tohex(255,-4)", "bit.tohex(255,0)", "bit.tohex(255,1)", "bit.tohex(255,99)", "bit.tohex(255,-99)", "bit.tohex(255,-2147483648)", "bit.bnot(0)", "bit.bnot(5)", "bit.band(7,5,4)", "bit.band(1)", "bit.band()", "bit.bor(1,2,4)", "bit.bxor(7,2,1)", "bit.lshift(1,31)", "bit.lshift(1,32)", "bit.lshift(1,-1)",
    "bit.rshift(-1,1)", "bit.rshift(256,33)", "bit.arshift(-256,4)", "bit.arshift(256,4)", "bit.rol(0x12345678,12)", "bit.ror(0x12345678,12)", "bit.rol(1,0)", "bit.bswap(0x12345678)", "bit.bswap(-1)",
]  # fmt: skip

LUA = [
    "string.rep('ab',3)", "string.rep('ab',0)", "string.rep('ab',-1)", "('x'):rep(3)", "string.rep('',1000)", "string.find('hello','l')", "string.find('hello','xyz')", "string.find('a.b','.',1,true)", "string.match('key=val','(%w+)=(%w+)')", "string.gsub('hello','l','L')", "string.gsub('hello','l',{l='1'})", "string.gsub('hello','.',function(c) return c:upper() end)", "string.gmatch('a b','%a')()", "string.byte('abc',1,-1)", "string.char(65,66)", "string.format('%s %d %5.2f %x %q',1,2,3.14159,255,'a\"b')", "string.format('%d','x')", "string.format('%y')", "string.len('abc')", "string.lower('ABC')", "string.upper('abc')", "string.reverse('abc')", "string.sub('hello',2,-2)",
    "table.concat({1,2,3},'-')", "table.concat({1,{},3})", "(function() local t={3,1,2} table.sort(t) return t end)()", "(function() local t={3,1,2} table.sort(t,function(a,b) return a>b end) return t end)()", "(function() local t={1} table.insert(t,2) table.insert(t,1,0) return t end)()", "(function() local t={1,2,3} table.remove(t,1) return t end)()", "table.maxn({1,2,[10]=3})", "unpack({1,2,3})", "unpack({1,2,3},2)", "unpack({1,2,3},2,3)", "unpack({},1,3)", "unpack({},3,1)", "unpack({},1,1e9)", "unpack({},1,8001)", "unpack()", "select('#',1,2,3)", "select(2,'a','b','c')", "select(-1,'a','b','c')", "select(0)",
    "math.floor(1.5)", "math.ceil(1.2)", "math.max(1,5,3)", "math.min(1,5,3)", "math.abs(-3)", "math.sqrt(16)", "math.pow(2,10)", "math.fmod(7,3)", "math.mod(7,3)", "math.modf(1.5)", "math.log(10)", "math.exp(1)", "math.pi", "math.random(0)", "math.random(5,1)", "math.random(1,2,3)", "math.random(1)", "math.random(2^31)", "(function() math.randomseed(42) return {math.random(),math.random(100),math.random(-5,5)} end)()", "(function() math.randomseed(-1) return math.random() end)()", "tonumber('0x1f')", "tonumber('10',2)", "tonumber('z',36)", "tonumber('abc')", "tonumber('')", "tostring(true)", "type(nil)", "type(type)", "rawequal('a','a')", "rawget({a=1},'a')", "rawset({},'a',1)", "next({})", "next({1})", "#{1,2,3}", "#'abc'",
    "pcall(error)", "pcall(error,nil)", "pcall(error,{err='X'})", "pcall(error,{1})", "pcall(function() error('x',0) end)", "pcall(function() error('x') end)", "pcall(function() error('x',2) end)", "pcall(redis.call,'nosuch')", "pcall(redis.call,'get','l')", "pcall(redis.pcall,'get','l')", "pcall(pcall)", "pcall()", "xpcall(function() error('x',0) end,function(e) return e..'!' end)", "xpcall(function() return 1,2 end,print)", "assert(false)", "assert(nil,'msg')", "assert(1,2)", "assert(false,{1})", "error('a'..1)", "nil .. 'x'", "1 + {}", "{} < {}", "1 < 'x'", "#5", "nil.x", "(5)()", "('x').y.z", "(function() local t = nil t.x = 1 end)()", "(function() for i='a',2 do end end)()",
    "coroutine.wrap(function() coroutine.yield(1) end)()", "(function() local c=coroutine.create(function(a) local b=coroutine.yield(a+1) return b*2 end) return {coroutine.resume(c,1)},{coroutine.resume(c,5)} end)()", "coroutine.resume(coroutine.create(function() error('x',0) end))", "coroutine.resume(5)", "coroutine.status(coroutine.create(function() end))", "coroutine.wrap(function() error('boo',0) end)()", "coroutine.wrap(function() error({1}) end)()", "coroutine.running()", "coroutine.yield()", "coroutine.wrap(5)", "(function() local f=coroutine.wrap(function() end) f() f() end)()",
    "loadstring('return 1+1')()", "loadstring('return ...')(7)", "loadstring('x')", "loadstring(5)", "loadstring('return KEYS[1]')()", "loadstring('error(\"x\")','@name')()", "load(function() end)", "load('return 1')", "load(5)", "(function() local p={'return ','1','+2'} local i=0 return load(function() i=i+1 return p[i] end)() end)()", "getmetatable({})", "getmetatable(setmetatable({},{__metatable='x'}))", "setmetatable({},{__metatable='x'}) and 1", "setmetatable(setmetatable({},{__metatable='x'}),{})", "setmetatable(1,{})", "setmetatable({},1)", "_G._G == _G", "_G.x", "_G['x y']", "_G.string == string", "rawget(_G,'x')", "rawget(_G,'KEYS')[1]",
    "(function() _G.x=1 end)()", "(function() KEYS=1 end)()", "(function() string.x=1 end)()", "(function() rawset(string,'x',1) end)()", "(function() table.insert(string,1) end)()", "(function() setmetatable(string,{}) end)()", "(function() cjson.encode=nil end)()", "(function() redis.call=nil end)()", "(function() math.random=nil end)()", "_VERSION", "dofile", "require", "print", "module", "io", "debug", "package", "loadfile", "print('x')", "string.dump(function() end) ~= nil", "(function() local n=0 for k in pairs(string) do n=n+1 end return n end)()", "(function() local n=0 for k in pairs(redis) do if k=='call' then n=n+1 end end return n end)()", "type(next(string))", "(function() local _,t=pairs(string) return t==string end)()", "string['rep']('x',2)", "math['huge']==1/0",
    "(function() local a={} a.b=a return tostring(a.b==a) end)()", "gcinfo()>0", "collectgarbage('count')>0", "collectgarbage()", "collectgarbage('collect')", "collectgarbage('xx')", "collectgarbage('step')", "table.getn({1,2})", "table.foreach({5},function(k,v) return v end)", "table.foreachi({5,6},function(k,v) if v==6 then return k end end)", "table.setn({},1)", "string.gfind('ab','a')()", "redis.sha1hex('')", "redis.sha1hex(5)", "redis.sha1hex({})", "redis.sha1hex(('x'):rep(1000))", "redis.log(1,'a','b')", "redis.setresp(2)", "redis.set_repl(redis.REPL_NONE)", "redis.replicate_commands()", "redis.breakpoint()", "redis.REPL_SLAVE", "redis.LOG_NOTICE", "redis.nosuch", "redis.error_reply(5)", "redis.status_reply()", "redis.call(unpack({'ping'}))",
]  # fmt: skip

# arguments that commands get
NUMBERS = ["3", "3.0", "0.1", "1e20", "1e17", "2^53", "2^53+2", "-2^53", "2^52", "-1.5e-7", "1/0", "-1/0", "12345678.9", "1e15", "1e16", "-0", "1/3", "123456789.123456789", "2^63", "1e-10", "5e-324", "1.7976931348623157e308", "100", "-100"]
