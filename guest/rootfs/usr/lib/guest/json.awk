# Prints a JSON document as lines of "path<tab>value": {"a":{"b":["x"]}} becomes
# "a.b.0<tab>x". A value of several lines becomes several lines with one path.
# Enough for metadata: no check that the document is well formed.
{ text = text $0 "\n" }

function skip_space() { while (substr(text, at, 1) ~ /[ \t\r\n]/) at++ }

function string(   out, rest, n, c) {
	at++
	while (1) {
		rest = substr(text, at)
		n = match(rest, /["\\]/)
		if (n == 0) { at = length(text) + 1; return out }
		out = out substr(rest, 1, n - 1)
		at += n
		if (substr(rest, n, 1) == "\"") return out
		c = substr(text, at++, 1)
		if (c == "n") out = out "\n"
		else if (c == "t") out = out "\t"
		else if (c == "r" || c == "b" || c == "f") out = out ""
		else if (c == "u") { out = out character(substr(text, at, 4)); at += 4 }
		else out = out c
	}
}

# UTF-8 of a code point of the basic plane, given as four hexadecimal digits.
function character(hex,   i, code) {
	for (i = 1; i <= 4; i++) code = code * 16 + index("0123456789abcdef", tolower(substr(hex, i, 1))) - 1
	if (code < 128) return sprintf("%c", code)
	if (code < 2048) return sprintf("%c%c", 192 + int(code / 64), 128 + code % 64)
	return sprintf("%c%c%c", 224 + int(code / 4096), 128 + int(code / 64) % 64, 128 + code % 64)
}

function show(path, value,   lines, count, i) {
	count = split(value, lines, "\n")
	for (i = 1; i <= count; i++) if (lines[i] != "" || count == 1) print path "\t" lines[i]
}

function value(path,   c, key, i, rest) {
	skip_space()
	c = substr(text, at, 1)
	if (c == "{" || c == "[") {
		at++
		i = 0
		while (at <= length(text)) {
			skip_space()
			if (substr(text, at, 1) ~ /[]}]/) { at++; return }
			if (substr(text, at, 1) == ",") { at++; continue }
			key = i++
			if (c == "{") { key = string(); skip_space(); at++ }
			value(path == "" ? key : path "." key)
		}
	} else if (c == "\"") {
		show(path, string())
	} else {
		rest = substr(text, at)
		i = match(rest, /[],}\n\t ]/)
		if (i == 0) i = length(rest) + 1
		if (i == 1) { at++; return }
		show(path, substr(rest, 1, i - 1))
		at += i - 1
	}
}

END { at = 1; value("") }
