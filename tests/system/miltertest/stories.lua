-- Run by chain_miltertest.t: miltertest, of the OpenDKIM project, plays the MTA. socket is given with -D.
local function check(ok, what)
	mt.echo((ok and "ok - " or "not ok - ") .. what)
end

local function start()
	local conn = mt.connect(socket, 50, 0.1)
	if conn == nil then error("cannot connect to " .. socket) end
	return conn
end

-- Up to the end of the body; false as soon as something other than CONTINUE comes (or nothing, where none is due).
local function message(conn, subject, sender)
	mt.macro(conn, SMFIC_MAIL, "i", "Q" .. #subject)
	if mt.mailfrom(conn, sender or "<a@example.org>") ~= nil then error("mailfrom") end
	if mt.getreply(conn) ~= SMFIR_CONTINUE then return false end
	if mt.rcptto(conn, "<b@example.net>") ~= nil then error("rcptto") end
	if not mt.test_option(conn, SMFIP_NODATA) and mt.data(conn) ~= nil then error("data") end
	if mt.header(conn, "From", "a@example.org") ~= nil then error("header") end
	if mt.header(conn, "Subject", subject) ~= nil then error("header") end
	if mt.header(conn, "Content-Type", 'application/octet-stream; name="run.exe"') ~= nil then error("header") end
	if mt.eoh(conn) ~= nil then error("eoh") end
	if mt.bodystring(conn, "MZ program\r\n") ~= nil then error("bodystring") end
	if mt.eom(conn) ~= nil then error("eom") end
	return true
end

local conn = start()
check(mt.conninfo(conn, "client.example.org", "192.0.2.1") == nil and mt.getreply(conn) == SMFIR_CONTINUE, "connect")
mt.helo(conn, "helo.example.org")

message(conn, "a program")
check(mt.getreply(conn) == SMFIR_CONTINUE or mt.getreply(conn) == SMFIR_ACCEPT, "a message with a program is taken")
check(mt.eom_check(conn, MT_BODYCHANGE), "  its body is replaced")
check(mt.eom_check(conn, MT_HDRADD, "X-Filter-Saw", " 1 recipients"), "  a header is added, with its space") -- SMFIP_HDR_LEADSPC
check(mt.eom_check(conn, MT_HDRCHANGE, "Content-Type"), "  the type is changed")

message(conn, "bounce")
check(mt.eom_check(conn, MT_SMTPREPLY, "552", "5.3.4", "Not 100%% wanted"), "the second message of the connection is refused with text")

message(conn, "discard")
check(mt.getreply(conn) == SMFIR_DISCARD, "the third is discarded")

check(not message(conn, "x", "<refused@example.org>"), "a sender is refused")
check(mt.getreply(conn) == SMFIR_REPLYCODE, "  with a text")
mt.disconnect(conn)

-- An MTA that hangs up in the middle of a message, and one that aborts.
conn = start()
mt.conninfo(conn, "client.example.org", "192.0.2.1")
mt.mailfrom(conn, "<a@example.org>")
mt.rcptto(conn, "<b@example.net>")
mt.disconnect(conn, false)
conn = start()
mt.conninfo(conn, "client.example.org", "unspec")
mt.mailfrom(conn, "<a@example.org>")
mt.abort(conn)
message(conn, "after an abort")
check(mt.eom_check(conn, MT_HDRADD, "X-Filter-Saw"), "a message after an abort is filtered")
mt.disconnect(conn)
