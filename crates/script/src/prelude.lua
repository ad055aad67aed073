-- Makes the sandbox. Runs once for each interpreter, before anything of a client's, and gives back what loads a library.
--
-- `native` has the functions that Rust brings: those that answer first whether they went well (`checked` makes functions of
-- them that raise what went wrong), and others. `constants` are the values of the table `redis` besides.
local native, constants = ...
local checked, setreadonly, isreadonly = checked, setreadonly, isreadonly
local getmetatable, setmetatable, next, rawget, type = getmetatable, setmetatable, next, rawget, type
local error, pcall_natively, xpcall, tostring = error, pcall, xpcall, tostring
local globals = _G

-- What a script must not have: files, the process, and what reaches around the sandbox.
for _, name in next, {
    "checked", "setreadonly", "isreadonly", "dofile", "loadfile", "print", "getfenv", "setfenv", "newproxy", "module",
    "require", "package", "io", "debug",
} do
    globals[name] = nil
end
os = { clock = os.clock }

-- pcall gives the text of an error rather than the table that carries it, as it did before errors were tables.
local function unwrap(ok, ...)
    if not ok then
        local problem = (...)
        if type(problem) == "table" then
            local text = rawget(problem, "err")
            if type(text) == "string" then
                return false, text
            end
        end
        if type(problem) == "userdata" then
            return false, tostring(problem)
        end
    end
    return ok, ...
end

function pcall(...)
    return unwrap(pcall_natively(...))
end

local function library(functions)
    local made = {}
    for name, value in next, functions do
        made[name] = type(value) == "function" and checked(value) or value
    end
    return made
end

redis = library(native.redis)
redis.call, redis.pcall = native.call, native.pcall
for name, value in next, constants do
    redis[name] = value
end
server = redis
for name, functions in next, native.libraries do
    globals[name] = library(functions)
end
local new_json = native.new_json
local function json(functions)
    local made = library(functions)
    function made.new()
        return json(new_json())
    end
    return made
end
cjson = json(native.libraries.cjson)
math.random, math.randomseed = checked(native.random), checked(native.randomseed)

-- Nothing that outlives a script can be changed by one.
local function protect(value)
    if isreadonly(value) then
        return
    end
    setreadonly(value, true)
    for _, inner in next, value do
        if type(inner) == "table" then
            protect(inner)
        end
    end
    local meta = getmetatable(value)
    if type(meta) == "table" then
        protect(meta)
    end
end

local strict = {
    __index = function(_, name)
        error("Script attempted to access nonexistent global variable '" .. tostring(name) .. "'", 2)
    end,
}
setmetatable(globals, strict)
protect(globals)
protect(getmetatable(""))

local handler = native.handler

-- What libraries see as globals: while one is loaded only how to register functions, and in the functions everything else.
local registering = {}
for _, name in next, { "register_function", "log", "LOG_DEBUG", "LOG_VERBOSE", "LOG_NOTICE", "LOG_WARNING", "REDIS_VERSION",
    "REDIS_VERSION_NUM" } do
    registering[name] = redis[name]
end
registering.register_function = checked(native.register_function)
setmetatable(registering, strict)
registering = setmetatable({ redis = registering, server = registering }, strict)
protect(registering)
local environment_meta = { __index = globals }
local environment = setmetatable({}, environment_meta)
protect(environment)

local function show(visible)
    setreadonly(environment_meta, false)
    environment_meta.__index = visible
    setreadonly(environment_meta, true)
end

-- Runs the text of a library, whose globals are `environment`.
local function load(text)
    show(registering)
    local ok, problem = xpcall(text, handler)
    show(globals)
    return ok, problem
end

return load, environment
