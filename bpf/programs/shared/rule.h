/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A list of tcpdump expressions in front of a program. The linker lays them there, in order, and calls the program's function
 * sluice_rule… for each packet that one of them takes, with the rule's number. What no rule decides comes to the program itself.
 */
#ifndef SLUICE_RULE_H
#define SLUICE_RULE_H

/* Returned by sluice_rule… when the rules behind are to be asked; no verdict of XDP or tc. */
#define SLUICE_NEXT_RULE -2

#endif
