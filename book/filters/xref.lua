-- Second pass over a page: references to labels of the whole book become links, and
-- links to notebooks become links to their pages. Runs before citeproc, which would
-- take "@fig-x" for a citation.

local stringify = pandoc.utils.stringify
local KINDS = { sec = true, fig = true, tbl = true, eq = true }
local labels, cites = {}, false

local function is_reference(id) return KINDS[id:match("^(%a+)%-")] end

local function reference(citation)
  local label = labels[citation.id]
  if not label then -- the class is Quarto's, so that check.py finds it in both renderings
    local text = pandoc.Strong({ pandoc.Str("?@" .. citation.id) })
    return pandoc.Span({ text }, { class = "quarto-unresolved-ref" })
  end
  local text = label.text
  if citation.mode == "SuppressAuthor" then text = text:gsub("^%a+\u{a0}", "") end
  return pandoc.Link({ pandoc.Str(text) }, label.href, "", { class = "xref" })
end

local function Cite(cite)
  if not is_reference(cite.citations[1].id) then
    cites = true
    return nil
  end
  local links = pandoc.List()
  for i, citation in ipairs(cite.citations) do
    if i > 1 then links:extend({ pandoc.Str(","), pandoc.Space() }) end
    links:extend(citation.prefix)
    if #citation.prefix > 0 then links:insert(pandoc.Space()) end
    links:insert(reference(citation))
    links:extend(citation.suffix)
  end
  return links
end

local function Link(link)
  if not link.target:match("^%a+:") then
    link.target = link.target:gsub("%.ipynb$", ".html"):gsub("%.ipynb#", ".html#")
    return link
  end
end

function Pandoc(doc)
  labels = pandoc.json.decode(stringify(doc.meta.labels), false)
  local has_refs = false
  local blocks = doc.blocks:walk({ Cite = Cite, Link = Link,
    Div = function(div) has_refs = has_refs or div.identifier == "refs" end })
  if cites and not has_refs then
    blocks:insert(pandoc.Header(2, "References", { id = "references", class = "unnumbered" }))
    blocks:insert(pandoc.Div({}, { id = "refs" }))
  end
  return pandoc.Pandoc(blocks, doc.meta)
end
