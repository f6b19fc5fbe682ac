/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Types of registers, as gdb's own descriptions of x86 name them (gdb manual, "i386 Features"). */
#include <string.h>
#include "isa/x86/run.h"

/* Control registers by their flags (Intel SDM volume 3, 2.5 and 2.2.1). */
#define SYSTEM "org.gnu.gdb.i386.system"
static const char system64[] =
	"<flags id=\"i386_cr0\" size=\"8\"><field name=\"PG\" start=\"31\" end=\"31\"/><field name=\"CD\" start=\"30\" end=\"30\"/>"
	"<field name=\"NW\" start=\"29\" end=\"29\"/><field name=\"AM\" start=\"18\" end=\"18\"/>"
	"<field name=\"WP\" start=\"16\" end=\"16\"/><field name=\"NE\" start=\"5\" end=\"5\"/>"
	"<field name=\"ET\" start=\"4\" end=\"4\"/><field name=\"TS\" start=\"3\" end=\"3\"/>"
	"<field name=\"EM\" start=\"2\" end=\"2\"/><field name=\"MP\" start=\"1\" end=\"1\"/>"
	"<field name=\"PE\" start=\"0\" end=\"0\"/></flags>"
	"<flags id=\"i386_cr3\" size=\"8\"><field name=\"PDBR\" start=\"12\" end=\"63\"/><field name=\"PCID\" start=\"0\" end=\"11\"/>"
	"</flags>"
	"<flags id=\"i386_cr4\" size=\"8\"><field name=\"SMAP\" start=\"21\" end=\"21\"/>"
	"<field name=\"SMEP\" start=\"20\" end=\"20\"/><field name=\"OSXSAVE\" start=\"18\" end=\"18\"/>"
	"<field name=\"PCIDE\" start=\"17\" end=\"17\"/><field name=\"FSGSBASE\" start=\"16\" end=\"16\"/>"
	"<field name=\"UMIP\" start=\"11\" end=\"11\"/><field name=\"OSXMMEXCPT\" start=\"10\" end=\"10\"/>"
	"<field name=\"OSFXSR\" start=\"9\" end=\"9\"/><field name=\"PCE\" start=\"8\" end=\"8\"/>"
	"<field name=\"PGE\" start=\"7\" end=\"7\"/><field name=\"MCE\" start=\"6\" end=\"6\"/>"
	"<field name=\"PAE\" start=\"5\" end=\"5\"/><field name=\"PSE\" start=\"4\" end=\"4\"/>"
	"<field name=\"DE\" start=\"3\" end=\"3\"/><field name=\"TSD\" start=\"2\" end=\"2\"/>"
	"<field name=\"PVI\" start=\"1\" end=\"1\"/><field name=\"VME\" start=\"0\" end=\"0\"/></flags>"
	"<flags id=\"i386_efer\" size=\"8\"><field name=\"FFXSR\" start=\"14\" end=\"14\"/>"
	"<field name=\"NXE\" start=\"11\" end=\"11\"/><field name=\"LMA\" start=\"10\" end=\"10\"/>"
	"<field name=\"LME\" start=\"8\" end=\"8\"/><field name=\"SCE\" start=\"0\" end=\"0\"/></flags>";
static const char system32[] =
	"<flags id=\"i386_cr0\" size=\"4\"><field name=\"PG\" start=\"31\" end=\"31\"/><field name=\"CD\" start=\"30\" end=\"30\"/>"
	"<field name=\"NW\" start=\"29\" end=\"29\"/><field name=\"AM\" start=\"18\" end=\"18\"/>"
	"<field name=\"WP\" start=\"16\" end=\"16\"/><field name=\"NE\" start=\"5\" end=\"5\"/>"
	"<field name=\"ET\" start=\"4\" end=\"4\"/><field name=\"TS\" start=\"3\" end=\"3\"/>"
	"<field name=\"EM\" start=\"2\" end=\"2\"/><field name=\"MP\" start=\"1\" end=\"1\"/>"
	"<field name=\"PE\" start=\"0\" end=\"0\"/></flags>"
	"<flags id=\"i386_cr3\" size=\"4\"><field name=\"PDBR\" start=\"12\" end=\"31\"/><field name=\"PCID\" start=\"0\" end=\"11\"/>"
	"</flags>"
	"<flags id=\"i386_cr4\" size=\"4\"><field name=\"SMAP\" start=\"21\" end=\"21\"/>"
	"<field name=\"SMEP\" start=\"20\" end=\"20\"/><field name=\"OSXSAVE\" start=\"18\" end=\"18\"/>"
	"<field name=\"PCIDE\" start=\"17\" end=\"17\"/><field name=\"FSGSBASE\" start=\"16\" end=\"16\"/>"
	"<field name=\"UMIP\" start=\"11\" end=\"11\"/><field name=\"OSXMMEXCPT\" start=\"10\" end=\"10\"/>"
	"<field name=\"OSFXSR\" start=\"9\" end=\"9\"/><field name=\"PCE\" start=\"8\" end=\"8\"/>"
	"<field name=\"PGE\" start=\"7\" end=\"7\"/><field name=\"MCE\" start=\"6\" end=\"6\"/>"
	"<field name=\"PAE\" start=\"5\" end=\"5\"/><field name=\"PSE\" start=\"4\" end=\"4\"/>"
	"<field name=\"DE\" start=\"3\" end=\"3\"/><field name=\"TSD\" start=\"2\" end=\"2\"/>"
	"<field name=\"PVI\" start=\"1\" end=\"1\"/><field name=\"VME\" start=\"0\" end=\"0\"/></flags>"
	"<flags id=\"i386_efer\" size=\"4\"><field name=\"FFXSR\" start=\"14\" end=\"14\"/>"
	"<field name=\"NXE\" start=\"11\" end=\"11\"/><field name=\"LMA\" start=\"10\" end=\"10\"/>"
	"<field name=\"LME\" start=\"8\" end=\"8\"/><field name=\"SCE\" start=\"0\" end=\"0\"/></flags>";

const char *x86_gdb_types(const char *feature)
{
	if (!strcmp(feature, "org.gnu.gdb.i386.core"))
		return "<flags id=\"i386_eflags\" size=\"4\"><field name=\"\" start=\"22\" end=\"31\"/>"
		       "<field name=\"ID\" start=\"21\" end=\"21\"/><field name=\"AC\" start=\"18\" end=\"18\"/>"
		       "<field name=\"RF\" start=\"16\" end=\"16\"/><field name=\"NT\" start=\"14\" end=\"14\"/>"
		       "<field name=\"OF\" start=\"11\" end=\"11\"/><field name=\"DF\" start=\"10\" end=\"10\"/>"
		       "<field name=\"IF\" start=\"9\" end=\"9\"/><field name=\"TF\" start=\"8\" end=\"8\"/>"
		       "<field name=\"SF\" start=\"7\" end=\"7\"/><field name=\"ZF\" start=\"6\" end=\"6\"/>"
		       "<field name=\"AF\" start=\"4\" end=\"4\"/><field name=\"PF\" start=\"2\" end=\"2\"/>"
		       "<field name=\"CF\" start=\"0\" end=\"0\"/></flags>";
	if (!strcmp(feature, "org.gnu.gdb.i386.sse"))
		return "<vector id=\"v4f\" type=\"ieee_single\" count=\"4\"/><vector id=\"v2d\" type=\"ieee_double\" count=\"2\"/>"
		       "<vector id=\"v16i8\" type=\"int8\" count=\"16\"/><vector id=\"v8i16\" type=\"int16\" count=\"8\"/>"
		       "<vector id=\"v4i32\" type=\"int32\" count=\"4\"/><vector id=\"v2i64\" type=\"int64\" count=\"2\"/>"
		       "<union id=\"vec128\"><field name=\"v4_float\" type=\"v4f\"/><field name=\"v2_double\" type=\"v2d\"/>"
		       "<field name=\"v16_int8\" type=\"v16i8\"/><field name=\"v8_int16\" type=\"v8i16\"/><field name=\"v4_int32\" type=\"v4i32\"/>"
		       "<field name=\"v2_int64\" type=\"v2i64\"/><field name=\"uint128\" type=\"uint128\"/></union>"
		       "<flags id=\"i386_mxcsr\" size=\"4\"><field name=\"IE\" start=\"0\" end=\"0\"/><field name=\"DE\" start=\"1\" end=\"1\"/>"
		       "<field name=\"ZE\" start=\"2\" end=\"2\"/><field name=\"OE\" start=\"3\" end=\"3\"/><field name=\"UE\" start=\"4\" end=\"4\"/>"
		       "<field name=\"PE\" start=\"5\" end=\"5\"/><field name=\"DAZ\" start=\"6\" end=\"6\"/>"
		       "<field name=\"IM\" start=\"7\" end=\"7\"/><field name=\"DM\" start=\"8\" end=\"8\"/><field name=\"ZM\" start=\"9\" end=\"9\"/>"
		       "<field name=\"OM\" start=\"10\" end=\"10\"/><field name=\"UM\" start=\"11\" end=\"11\"/><field name=\"PM\" start=\"12\" end=\"12\"/>"
		       "<field name=\"FZ\" start=\"15\" end=\"15\"/>"
		       "</flags>";
	return strcmp(feature, SYSTEM) ? "" : system64;
}

const char *x86_gdb_types32(const char *feature)
{
	return strcmp(feature, SYSTEM) ? x86_gdb_types(feature) : system32;
}
