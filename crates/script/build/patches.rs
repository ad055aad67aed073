//! What is changed in the sources of Lua 5.1.5, place by place.
//!
//! Flaws that are repaired: the unanchored name of a chunk (CVE-2025-49844), the overflow in `unpack` (CVE-2025-46817), the
//! overflow in long brackets (CVE-2025-46819), a reader that is called again behind the end (bug 1 in Lua's own list for 5.1.5),
//! pattern matching that recurses without bound. What the sandbox needs besides: tables that cannot be changed (as
//! Redis's own copy of Lua has them), no bytecode, and library functions that can be interrupted.

/// One change.
pub struct Patch {
    /// The file.
    pub file: &'static str,
    /// Why.
    pub why: &'static str,
    /// How often the text is there.
    pub places: usize,
    /// The text.
    pub from: &'static str,
    /// What stands in its place.
    pub to: &'static str,
}

/// A change of one place.
const fn patch(file: &'static str, why: &'static str, from: &'static str, to: &'static str) -> Patch {
    Patch { file, why, places: 1, from, to }
}

/// All changes, in the order in which they are made.
pub const ALL: &[Patch] = &[
    // Until `open_func` has put the prototype on the stack nothing refers to the chunk's name, and reading the first character may
    // run a reader written in Lua, and with it the collector.
    patch(
        "lparser.c",
        "the name of a chunk is anchored while it is parsed",
        "  luaX_setinput(L, &lexstate, z, luaS_new(L, name));\n",
        "  setsvalue2s(L, L->top, luaS_new(L, name));\n  incr_top(L);\n  \
         luaX_setinput(L, &lexstate, z, rawtsvalue(L->top - 1));\n",
    ),
    patch(
        "lparser.c",
        "the anchor goes when the chunk is parsed",
        "  close_func(&lexstate);\n  lua_assert(funcstate.prev == NULL);",
        "  close_func(&lexstate);\n  L->top--;\n  lua_assert(funcstate.prev == NULL);",
    ),
    patch(
        "lzio.h",
        "a reader that has ended stays ended",
        "  lua_Reader reader;\n",
        "  lua_Reader reader;\n  int ended;\n",
    ),
    patch("lzio.c", "a stream begins before its end", "  z->n = 0;\n", "  z->n = 0;\n  z->ended = 0;\n"),
    patch(
        "lzio.c",
        "a reader that has ended is not called again",
        "  lua_unlock(L);\n  buff = z->reader(L, z->data, &size);\n  lua_lock(L);\n  \
         if (buff == NULL || size == 0) return EOZ;\n",
        "  if (z->ended) return EOZ;\n  lua_unlock(L);\n  buff = z->reader(L, z->data, &size);\n  lua_lock(L);\n  \
         if (buff == NULL || size == 0) { z->ended = 1; return EOZ; }\n",
    ),
    patch(
        "ldo.c",
        "bytecode is no program",
        "((c == LUA_SIGNATURE[0]) ? luaU_undump : luaY_parser)(L, p->z,",
        "((void)c, luaY_parser)(L, p->z,",
    ),
    // More equals signs than an int counts made the length of a long bracket negative. A bracket of a million is refused.
    patch(
        "llex.c",
        "the equals signs of a long bracket are counted with a bound",
        "  while (ls->current == '=') {\n    save_and_next(ls);\n    count++;\n  }\n",
        "  while (ls->current == '=') {\n    save_and_next(ls);\n    if (++count > 1000000)\n      \
         luaX_lexerror(ls, \"invalid long string delimiter\", TK_STRING);\n  }\n",
    ),
    patch(
        "llex.c",
        "a token is defined before the first one is read",
        "  ls->decpoint = '.';\n",
        "  ls->t.token = 0;\n  ls->decpoint = '.';\n",
    ),
    patch(
        "lbaselib.c",
        "the number of results of unpack does not overflow",
        "  n = e - i + 1;  /* number of elements */\n  if (n <= 0 || !lua_checkstack(L, n))",
        "  if ((unsigned int)e - (unsigned int)i >= (unsigned int)LUAI_MAXCSTACK) n = -1;\n  \
         else n = e - i + 1;  /* number of elements */\n  if (n <= 0 || !lua_checkstack(L, n))",
    ),
    patch(
        "ltable.c",
        "an index is compared without overflow",
        "  if (cast(unsigned int, key-1) < cast(unsigned int, t->sizearray))",
        "  if (1 <= key && key <= t->sizearray)",
    ),
    // Lua looks at 32 bytes of a long string, so strings that differ elsewhere all fall into one chain.
    patch(
        "lstring.c",
        "all bytes of a string count in its hash",
        "  size_t step = (l>>5)+1;  /* if string is too long, don't hash all its chars */\n  size_t l1;\n  \
         for (l1=l; l1>=step; l1-=step)  /* compute hash */\n",
        "  size_t l1 = l;\n  \
         if (l >= 32) {\n    unsigned long long word, mixed = l;\n    \
         for (; l1 >= 8; l1 -= 8) {\n      \
         memcpy(&word, str + (l1 - 8), 8);\n      mixed = (mixed ^ word) * 0x9E3779B97F4A7C15ULL;\n      \
         mixed ^= mixed >> 32;\n    }\n    h = (unsigned int)mixed;\n  }\n  \
         for (; l1 > 0; l1--)  /* compute hash */\n",
    ),
    // Tables that cannot be changed.
    patch(
        "lobject.h",
        "a table knows whether it may be changed",
        "  lu_byte lsizenode;  /* log2 of size of `node' array */\n",
        "  lu_byte lsizenode;  /* log2 of size of `node' array */\n  lu_byte readonly;\n",
    ),
    patch(
        "ltable.c",
        "a new table may be changed",
        "  t->lsizenode = 0;\n  t->node = cast(Node *, dummynode);\n  setarrayvector",
        "  t->lsizenode = 0;\n  t->readonly = 0;\n  t->node = cast(Node *, dummynode);\n  setarrayvector",
    ),
    patch(
        "lvm.c",
        "assignment respects tables that cannot be changed",
        "      TValue *oldval = luaH_set(L, h, key); /* do a primitive set */\n",
        "      TValue *oldval;\n      if (h->readonly) luaG_runerror(L, \"Attempt to modify a readonly table\");\n      \
         oldval = luaH_set(L, h, key); /* do a primitive set */\n",
    ),
    patch(
        "lapi.c",
        "rawset respects tables that cannot be changed",
        "  setobj2t(L, luaH_set(L, hvalue(t), L->top-2), L->top-1);\n",
        "  if (hvalue(t)->readonly) luaG_runerror(L, \"Attempt to modify a readonly table\");\n  \
         setobj2t(L, luaH_set(L, hvalue(t), L->top-2), L->top-1);\n",
    ),
    patch(
        "lapi.c",
        "library functions respect tables that cannot be changed",
        "  setobj2t(L, luaH_setnum(L, hvalue(o), n), L->top-1);\n",
        "  if (hvalue(o)->readonly) luaG_runerror(L, \"Attempt to modify a readonly table\");\n  \
         setobj2t(L, luaH_setnum(L, hvalue(o), n), L->top-1);\n",
    ),
    patch(
        "lapi.c",
        "setmetatable respects tables that cannot be changed",
        "    case LUA_TTABLE: {\n      hvalue(obj)->metatable = mt;\n",
        "    case LUA_TTABLE: {\n      if (hvalue(obj)->readonly) luaG_runerror(L, \"Attempt to modify a readonly table\");\n      \
         hvalue(obj)->metatable = mt;\n",
    ),
    patch(
        "lua.h",
        "two more functions of the core",
        "LUA_API int lua_gethookcount (lua_State *L);\n",
        "LUA_API int lua_gethookcount (lua_State *L);\n\
         LUA_API void lua_setreadonly (lua_State *L, int idx, int readonly);\n\
         LUA_API int lua_isreadonly (lua_State *L, int idx);\n\
         LUA_API void lua_interrupt (lua_State *L);\n",
    ),
    patch(
        "ldebug.c",
        "functions of the core for the sandbox",
        "LUA_API int lua_getstack (lua_State *L, int level, lua_Debug *ar) {\n",
        "/* whether the table at `idx', which is no pseudo-index, may be changed */\n\
         LUA_API void lua_setreadonly (lua_State *L, int idx, int readonly) {\n  \
         StkId o = idx > 0 ? L->base + (idx - 1) : L->top + idx;\n  \
         hvalue(o)->readonly = cast_byte(readonly != 0);\n}\n\n\
         LUA_API int lua_isreadonly (lua_State *L, int idx) {\n  \
         StkId o = idx > 0 ? L->base + (idx - 1) : L->top + idx;\n  \
         return hvalue(o)->readonly;\n}\n\n\
         /* what a library function calls that may take long: the hook, as if instructions had been counted */\n\
         LUA_API void lua_interrupt (lua_State *L) {\n  \
         if (L->hookmask & LUA_MASKCOUNT) luaD_callhook(L, LUA_HOOKCOUNT, -1);\n}\n\n\
         LUA_API int lua_getstack (lua_State *L, int level, lua_Debug *ar) {\n",
    ),
    // A call of a library function counts as a hundred instructions, so that few long ones reach the hook as soon as many short ones.
    patch(
        "ldo.c",
        "calls of library functions count",
        "    lua_unlock(L);\n    n = (*curr_func(L)->c.f)(L);  /* do the actual call */\n",
        "    L->hookcount = L->hookcount > 100 ? L->hookcount - 100 : 1;\n    \
         lua_unlock(L);\n    n = (*curr_func(L)->c.f)(L);  /* do the actual call */\n",
    ),
    // Patterns: bounded recursion, and the hook is called while they are matched.
    patch(
        "lstrlib.c",
        "matching is counted",
        "  lua_State *L;\n  int level;",
        "  lua_State *L;\n  int depth;\n  unsigned steps;\n  int level;",
    ),
    Patch {
        file: "lstrlib.c",
        why: "matching begins with nothing counted",
        places: 3,
        from: "ms.L = L;\n",
        to: "ms.L = L;\n  ms.depth = 0;\n  ms.steps = 0;\n",
    },
    patch(
        "lstrlib.c",
        "matching is bounded and can be interrupted",
        "static const char *match (MatchState *ms, const char *s, const char *p) {\n",
        "static const char *domatch (MatchState *ms, const char *s, const char *p);\n\n\
         static const char *match (MatchState *ms, const char *s, const char *p) {\n  \
         const char *end;\n  \
         if (++ms->depth > LUAI_MAXCCALLS) luaL_error(ms->L, \"pattern too complex\");\n  \
         if ((++ms->steps & 0xfff) == 0) lua_interrupt(ms->L);\n  \
         end = domatch(ms, s, p);\n  ms->depth--;\n  return end;\n}\n\n\
         static const char *domatch (MatchState *ms, const char *s, const char *p) {\n",
    ),
    patch(
        "lstrlib.c",
        "a plain search can be interrupted",
        "static const char *lmemfind (const char *s1, size_t l1,\n",
        "static const char *lmemfind (lua_State *L, const char *s1, size_t l1,\n",
    ),
    patch(
        "lstrlib.c",
        "a plain search can be interrupted",
        "    l1 = l1-l2;  /* `s2' cannot be found after that */\n",
        "    size_t work = 0;\n    l1 = l1-l2;  /* `s2' cannot be found after that */\n",
    ),
    patch(
        "lstrlib.c",
        "a plain search can be interrupted",
        "      init++;   /* 1st char is already checked */\n",
        "      init++;   /* 1st char is already checked */\n      if ((work += l2 + 1) > 0x100000) { work = 0; lua_interrupt(L); }\n",
    ),
    patch(
        "lstrlib.c",
        "a plain search can be interrupted",
        "lmemfind(s+init, l1-init, p, l2)",
        "lmemfind(L, s+init, l1-init, p, l2)",
    ),
    patch(
        "lstrlib.c",
        "repetition of nothing is nothing, and of much can be interrupted",
        "  while (n-- > 0)\n    luaL_addlstring(&b, s, l);\n",
        "  if (l == 0) n = 0;\n  while (n-- > 0) {\n    luaL_addlstring(&b, s, l);\n    \
         if ((n & 0xffff) == 0) lua_interrupt(L);\n  }\n",
    ),
    patch(
        "ltablib.c",
        "sorting can be interrupted",
        "    int i, j;\n    /* sort elements a[l]",
        "    int i, j;\n    lua_interrupt(L);\n    /* sort elements a[l]",
    ),
    patch(
        "ltablib.c",
        "insertion can be interrupted",
        "        lua_rawseti(L, 1, i);  /* t[i] = t[i-1] */\n",
        "        lua_rawseti(L, 1, i);  /* t[i] = t[i-1] */\n        if ((i & 0xfff) == 0) lua_interrupt(L);\n",
    ),
    // What the sandbox is made with; it takes them out of the globals.
    patch(
        "lbaselib.c",
        "functions for the sandbox",
        "static const luaL_Reg base_funcs[] = {\n",
        "/* checked(f): a function that calls f, and raises f's second result if the first is false */\n\
         static int callchecked (lua_State *L) {\n  \
         int n = lua_gettop(L);\n  \
         lua_pushvalue(L, lua_upvalueindex(1));\n  \
         lua_insert(L, 1);\n  \
         lua_call(L, n, LUA_MULTRET);\n  \
         if (lua_toboolean(L, 1)) return lua_gettop(L) - 1;\n  \
         lua_settop(L, 2);\n  \
         if (lua_type(L, 2) == LUA_TSTRING) {  /* where it happened, as luaL_error says it */\n    \
         luaL_where(L, 1);\n    lua_insert(L, 2);\n    lua_concat(L, 2);\n  }\n  \
         return lua_error(L);\n}\n\n\
         static int luaB_checked (lua_State *L) {\n  \
         luaL_checktype(L, 1, LUA_TFUNCTION);\n  \
         lua_settop(L, 1);\n  \
         lua_pushcclosure(L, callchecked, 1);\n  \
         return 1;\n}\n\n\
         /* setreadonly(t, b) and isreadonly(t) */\n\
         static int luaB_setreadonly (lua_State *L) {\n  \
         luaL_checktype(L, 1, LUA_TTABLE);\n  \
         lua_setreadonly(L, 1, lua_toboolean(L, 2));\n  \
         return 0;\n}\n\n\
         static int luaB_isreadonly (lua_State *L) {\n  \
         luaL_checktype(L, 1, LUA_TTABLE);\n  \
         lua_pushboolean(L, lua_isreadonly(L, 1));\n  \
         return 1;\n}\n\n\
         static const luaL_Reg base_funcs[] = {\n  \
         {\"checked\", luaB_checked},\n  {\"setreadonly\", luaB_setreadonly},\n  {\"isreadonly\", luaB_isreadonly},\n",
    ),
];
