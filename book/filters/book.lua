-- First pass over a page: what Quarto's markdown adds to pandoc's.
-- Numbers headings, figures, tables and equations and notes their labels (for the
-- second pass, xref.lua); turns callouts, tab sets and folded code into HTML.

local NAMES = { fig = "Figure", tbl = "Table", eq = "Equation" }
local stringify = pandoc.utils.stringify

local chapter -- the chapter's number as text, "" on an unnumbered page
local labels = {} -- id -> { text = "Figure 1.2" }
local counts = { fig = 0, tbl = 0, eq = 0 }
local sections = {} -- how many headings of each level so far
local page_title, page_id

local function html(text) return pandoc.RawBlock("html", text) end

local function escape(text)
  return (text:gsub("[&<>\"]", { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;" }))
end

-- The next number of a kind, e.g. "1.2" in chapter 1; remembers what a reference says
local function number_of(kind, id)
  counts[kind] = counts[kind] + 1
  local number = (chapter ~= "" and chapter .. "." or "") .. counts[kind]
  labels[id] = { text = NAMES[kind] .. "\u{a0}" .. number }
  return number
end

local function kind_of(id)
  local kind = id:match("^(%a+)%-")
  return NAMES[kind] and kind
end

-- "Figure 1.2: " before a caption's own words
local function captioned(kind, id, blocks)
  local number = number_of(kind, id)
  local lead = pandoc.Span({ pandoc.Str(NAMES[kind] .. "\u{a0}" .. number .. ":") }, { class = "caption-number" })
  local inlines = pandoc.utils.blocks_to_inlines(blocks or {})
  return { pandoc.Plain(pandoc.List({ lead, pandoc.Space() }) .. inlines) }
end

local function Header(header)
  if header.level == 1 and not page_title then
    page_title, page_id = header.content, header.identifier
    local text = chapter ~= "" and "Chapter\u{a0}" .. chapter or stringify(header)
    labels[header.identifier] = { text = text }
    return {}
  end
  if header.classes:includes("unnumbered") or chapter == "" then
    labels[header.identifier] = { text = stringify(header) }
    return nil
  end
  local number = chapter
  for level = 2, header.level do
    if level == header.level then sections[level] = (sections[level] or 0) + 1 end
    number = number .. "." .. (sections[level] or 0)
  end
  for level = header.level + 1, 6 do sections[level] = 0 end
  labels[header.identifier] = { text = "Section\u{a0}" .. number }
  local mark = pandoc.Span({ pandoc.Str(number) }, { class = "header-section-number" })
  header.content = pandoc.List({ mark, pandoc.Space() }) .. header.content
  return header
end

-- An image's own text goes to `alt`; pandoc would take the caption for it
local function Image(image)
  image.attributes.alt = image.attributes["fig-alt"] or image.attributes.alt or stringify(image.caption)
  image.attributes["fig-alt"] = nil
  image.attributes.loading = "lazy"
  return image
end

local function Figure(figure)
  local id = figure.identifier
  if kind_of(id) ~= "fig" then return nil end
  return pandoc.Figure(figure.content, captioned("fig", id, figure.caption.long), figure.attr)
end

local function Table(tbl)
  local id, caption = tbl.identifier, tbl.caption.long
  local name = stringify(caption)
  if kind_of(id) == "tbl" then tbl.caption.long, tbl.identifier = {}, "" end
  -- A list, for the order of a table's keys is another in each run
  local about = { { "role", "group" }, { "tabindex", "0" }, { "aria-label", name ~= "" and name or "Table" } }
  local box = pandoc.Div({ tbl:walk({ Image = Image }) }, pandoc.Attr("", { "table-scroll" }, about))
  if kind_of(id) == "tbl" then
    box = pandoc.Figure({ box }, captioned("tbl", id, caption), pandoc.Attr(id, { "table" }))
  end
  return box, false -- don't walk on: the table in the box would be met again
end

-- ::: {#fig-x} or {#tbl-x}: the last paragraph is the caption
local function float(div, kind)
  local content = pandoc.List(div.content)
  local caption = content:remove()
  local body = pandoc.List()
  for _, block in ipairs(content) do -- an image alone is a figure already: once is enough
    if block.t == "Figure" then body:extend(block.content) else body:insert(block) end
  end
  local attr = pandoc.Attr(div.identifier, kind == "tbl" and { "table" } or {})
  return pandoc.Figure(body, captioned(kind, div.identifier, { caption }), attr)
end

local function callout(div, kind)
  local content = pandoc.List(div.content)
  local title = { pandoc.Str(kind:sub(1, 1):upper() .. kind:sub(2)) }
  if div.attributes.title then
    title = pandoc.utils.blocks_to_inlines(pandoc.read(div.attributes.title, "markdown").blocks)
  elseif content[1] and content[1].t == "Header" then
    title = content:remove(1).content
  end
  local id = div.identifier ~= "" and ' id="' .. escape(div.identifier) .. '"' or ""
  local classes = "callout callout-" .. kind
  for _, class in ipairs(div.classes) do
    if not class:match("^callout%-") then classes = classes .. " " .. class end
  end
  local collapse = div.attributes.collapse
  local tag, head = "div", "p"
  if collapse then tag, head = "details", "summary" end
  local start = ("<%s%s class=\"%s\"%s>"):format(tag, id, escape(classes),
    collapse == "false" and " open" or collapse and "" or ' role="note"')
  return { html(start .. "<" .. head .. ' class="callout-title">'), pandoc.Plain(title),
    html("</" .. head .. ">"), pandoc.Div(content, { class = "callout-body" }), html("</" .. tag .. ">") }
end

-- Each heading starts a panel; book.js makes tabs of the titles, without it all show
local function tabs(div)
  local panels, level = pandoc.List(), nil
  for _, block in ipairs(div.content) do
    if block.t == "Header" and (not level or block.level == level) then
      level = block.level
      local title = pandoc.Div({ pandoc.Plain(block.content) }, { class = "tab-title" })
      panels:insert(pandoc.Div({ title }, { class = "tab" }))
    elseif #panels > 0 then
      panels[#panels].content:insert(block)
    end
  end
  return pandoc.Div(panels, { id = div.identifier, class = "tabs" })
end

local function Div(div)
  local kind = kind_of(div.identifier)
  if kind == "fig" or kind == "tbl" then return float(div, kind) end
  for _, class in ipairs(div.classes) do
    if class:match("^callout%-") then return callout(div, class:sub(9)) end
  end
  if div.classes:includes("panel-tabset") then return tabs(div) end
end

local function CodeBlock(block)
  local fold = block.attributes["code-fold"]
  if not fold then return nil end
  local summary = block.attributes["code-summary"] or "Code"
  block.attributes["code-fold"], block.attributes["code-summary"] = nil, nil
  return { html('<details class="code-fold"' .. (fold == "show" and " open" or "") .. "><summary>"
    .. escape(summary) .. "</summary>"), block, html("</details>") }
end

-- $$ ... $$ {#eq-x}
local function Inlines(inlines)
  local kept = pandoc.List()
  for _, inline in ipairs(inlines) do
    local id = inline.t == "Str" and inline.text:match("^{#(eq%-[%w_-]+)}$")
    if id and kept[#kept] and (kept[#kept].t == "Space" or kept[#kept].t == "SoftBreak") then kept:remove() end
    local math = id and kept[#kept]
    if math and math.t == "Math" then
      local number = pandoc.Span({ pandoc.Str("(" .. number_of("eq", id) .. ")") }, { class = "eq-number" })
      kept[#kept] = pandoc.Span({ math, number }, { id = id, class = "equation" })
    else
      kept:insert(inline)
    end
  end
  return kept
end

function Pandoc(doc)
  chapter = stringify(doc.meta.chapter or "")
  local blocks = doc.blocks:walk({ traverse = "topdown", Header = Header, Image = Image, Figure = Figure,
    Table = Table, Div = Div, CodeBlock = CodeBlock, Inlines = Inlines })
  doc.meta.labels = pandoc.json.encode(labels)
  doc.meta.title, doc.meta["title-id"] = page_title and pandoc.MetaInlines(page_title), page_id
  doc.meta.plaintitle = page_title and stringify(page_title)
  return pandoc.Pandoc(blocks, doc.meta)
end
