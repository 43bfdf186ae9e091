#!/usr/bin/perl
# The whole chain behind a real Sendmail: SMTP client, Sendmail, front end, controller, Perl filter, and back to a sink. The stories are
# those of every mail server, tests/lib/Defang/Stories.pm.
use strict;
use warnings;
use Defang::Sendmail;
use Defang::Stories;

Defang::Stories::run('Defang::Sendmail');
