package Mail::MIMEDefang::Calls;

# Calls in a filter of functions that do not exist. Perl finds a misspelt name only when the call is made, which may be in the first
# message with a virus. Looks at the compiled code, so that what is said in texts and comments does not count. Not for filters.
use strict;
use warnings;
use B ();

# The calls in the functions that were compiled from the file: a list of [name, line], by line. A function whose existence the filter
# looks at itself (defined &name, exists &name, main->can('name')) is its own business.
sub undefined_calls {
	my ($path) = @_;
	my $found = { path => $path, calls => [], asked => {}, seen => {} };
	look_at_stash($found, 'main::', {});
	my %told;
	my @bad = grep { !$found->{asked}{ $_->[0] } && !exists_now($_->[0]) && !$told{"@$_"}++ } @{ $found->{calls} };
	return sort { $a->[1] <=> $b->[1] || $a->[0] cmp $b->[0] } @bad;
}

sub exists_now {
	my ($name) = @_;
	my ($package) = $name =~ /\A(.*)::/;
	no strict 'refs';
	return defined &$name || defined &{"${package}::AUTOLOAD"};
}

# --- Every function of the file ------------------------------------------------------------------------------------------------

sub look_at_stash {
	my ($found, $stash, $been) = @_;
	return if $been->{$stash}++;
	no strict 'refs';
	for my $name (keys %$stash) {
		if ($name =~ /::\z/) {
			look_at_stash($found, $stash eq 'main::' ? $name : "$stash$name", $been) unless $name eq 'main::';
		} elsif (defined &{"$stash$name"}) {
			look_at_function($found, B::svref_2object(\&{"$stash$name"}));
		}
	}
	return;
}

sub look_at_function {
	my ($found, $cv) = @_;
	return if B::class($cv) ne 'CV' || $found->{seen}{$$cv}++;
	return if ($cv->FILE // '') ne $found->{path} || B::class($cv->ROOT) eq 'NULL';
	walk({ %$found, cv => $cv, line => $cv->START->can('line') ? $cv->START->line : 0 }, $cv->ROOT);
	look_at_function($found, $_) for closures($cv);
	return;
}

# Functions without a name lie in the pad of the one around them.
sub closures {
	my ($cv) = @_;
	my @pad = map { $_->can('ARRAY') ? $_->ARRAY : () } grep { defined } ($cv->PADLIST->ARRAY)[1];
	return grep { B::class($_) eq 'CV' } @pad;
}

# --- Every operation of a function ---------------------------------------------------------------------------------------------

sub walk {
	my ($at, $op) = @_;
	$at->{line} = $op->line if B::class($op) eq 'COP';
	note_call($at, $op) if $op->name eq 'entersub';
	note_asked($at, $op) if $op->name eq 'defined' || $op->name eq 'exists' || $op->name eq 'refgen' || $op->name eq 'srefgen';
	for (my $kid = $op->can('first') && $op->flags & B::OPf_KIDS() ? $op->first : undef; $kid && $$kid; $kid = $kid->sibling) {
		walk($at, $kid);
	}
	return;
}

sub last_of {
	my ($kid) = @_;
	$kid = $kid->sibling while ${ $kid->sibling };
	return $kid;
}

# The last of its kids is what is called: a name, when it is not a method or a reference.
sub note_call {
	my ($at, $op) = @_;
	my $list = $op->first;
	$list = $list->first if $list->name ne 'pushmark' && $list->can('first') && $list->flags & B::OPf_KIDS();
	my $last = last_of($list);
	my $name = function_of($at, $last);
	push @{ $at->{calls} }, [ $name, $at->{line} ] if defined $name;
	note_can($at, $list, $last) if $last->name =~ /^method/;
	return;
}

# main->can('name')
sub note_can {
	my ($at, $first, $method) = @_;
	return if (constant($at, $method) // '') ne 'can';
	for (my $kid = $first; $$kid; $kid = $kid->sibling) {
		my $name = $kid->name eq 'const' ? constant($at, $kid) : undef;
		$at->{asked}{"main::$name"} = 1 if defined $name && $name =~ /\A\w+\z/;
	}
	return;
}

sub note_asked {
	my ($at, $op) = @_;
	return unless $op->can('first') && $op->flags & B::OPf_KIDS();
	for (my $kid = $op->first; $$kid; $kid = $kid->sibling) {
		my $name = function_of($at, $kid);
		$at->{asked}{$name} = 1 if defined $name;
		note_asked($at, $kid) if $kid->name eq 'null' || $kid->name eq 'list' || $kid->name eq 'pushmark';
	}
	return;
}

# The name behind a rv2cv, in whatever form this Perl keeps it.
sub function_of {
	my ($at, $op) = @_;
	while (($op->name eq 'null' || $op->name eq 'rv2cv') && $op->can('first') && $op->flags & B::OPf_KIDS()) { $op = last_of($op->first) }
	return undef if $op->name ne 'gv';
	my $gv = B::class($op) eq 'PADOP' ? pad_value($at, $op->padix) : $op->gv;
	return undef unless $gv && B::class($gv) eq 'GV';
	return $gv->STASH->NAME . '::' . $gv->NAME;
}

sub pad_value { my ($at, $i) = @_; return (($at->{cv}->PADLIST->ARRAY)[1]->ARRAY)[$i] }

sub constant {
	my ($at, $op) = @_;
	my $sv = $op->name eq 'const' ? $op->sv : $op->can('meth_sv') ? $op->meth_sv : undef;
	$sv = pad_value($at, $op->targ) if $sv && B::class($sv) eq 'SPECIAL';
	return $sv && $sv->can('PV') ? $sv->PV : undef;
}

1;
