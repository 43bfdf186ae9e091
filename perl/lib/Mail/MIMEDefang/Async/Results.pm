package Mail::MIMEDefang::Async::Results;

# What the answers of md_async_run_checks() mean. Each function returns a reference to a hash, which has a reason in words.
use strict;
use warnings;
use Exporter 'import';
use Mail::MIMEDefang::Antispam ();

our @EXPORT = qw(
	md_async_interpret_dnsbl md_async_interpret_spamassassin md_async_interpret_clamav md_async_interpret_rdns
	md_async_interpret_spf_txt md_async_interpret_dmarc md_async_score_results
);

# records, zone, error: { listed, code, reason, error }
sub md_async_interpret_dnsbl {
	my (%a) = @_;
	return { listed => 0, code => undef, reason => "$a{zone}: no answer", error => $a{error} } if defined $a{error};
	my ($code) = @{ $a{records} // [] };
	return { listed => defined $code ? 1 : 0, code => $code, reason => defined $code ? "listed by $a{zone} ($code)" : "not listed by $a{zone}" };
}

# raw, error, threshold: { is_spam, score, threshold, symbols, reason }
sub md_async_interpret_spamassassin {
	my (%a) = @_;
	my $threshold = $a{threshold} // 5.0;
	my $answer = Mail::MIMEDefang::Antispam::spamd_answer($a{raw});
	return { is_spam => 0, score => 0, threshold => $threshold, symbols => [], reason => 'no answer: ' . ($a{error} // 'not one of spamd') } unless $answer;
	my @symbols = Mail::MIMEDefang::Antispam::symbols_of($answer->{report});
	my $is_spam = $answer->{score} >= $threshold ? 1 : 0;
	return { is_spam => $is_spam, score => $answer->{score}, threshold => $threshold, symbols => \@symbols,
		reason => "score $answer->{score}, spam from $threshold on" };
}

# raw (of PING, INSTREAM or clamdscan), error: { available, virus, name, reason }
sub md_async_interpret_clamav {
	my (%a) = @_;
	my $raw = $a{raw} // '';
	return { available => 1, virus => 1, name => $1, reason => "virus $1" } if $raw =~ /: (\S.*?) FOUND\s*$/m;
	return { available => 1, virus => 0, name => '', reason => 'no virus' } if !defined $a{error} && $raw =~ /^PONG|: OK\s*$/m && $raw !~ /ERROR\s*$/m;
	return { available => 0, virus => 0, name => '', reason => 'no answer: ' . ($a{error} // $raw =~ s/\s+/ /gr) };
}

# Names that providers give to what their customers dial in from.
my $dynamic = qr/(?:\d{1,3}[.-]){3}\d{1,3}|\b(?:dyn(?:amic)?|dial(?:up|in)?|dsl|adsl|ppp|pool|cable|dhcp)\b/i;

# records, error, ip: { has_rdns, ptr, dynamic, reason }
sub md_async_interpret_rdns {
	my (%a) = @_;
	my ($name) = @{ $a{records} // [] };
	return { has_rdns => 0, ptr => undef, dynamic => 0, reason => "$a{ip} has no name" . (defined $a{error} ? ": $a{error}" : '') } unless defined $name;
	my $is_dynamic = $name =~ $dynamic ? 1 : 0;
	return { has_rdns => 1, ptr => $name, dynamic => $is_dynamic, reason => "$a{ip} is $name" . ($is_dynamic ? ', which looks dynamic' : '') };
}

# records, error, domain: { has_spf, record, reason }
sub md_async_interpret_spf_txt {
	my (%a) = @_;
	my ($record) = grep { /^v=spf1(?:\s|\z)/i } @{ $a{records} // [] };
	return { has_spf => defined $record ? 1 : 0, record => $record,
		reason => defined $record ? "$a{domain} has SPF" : "$a{domain} has no SPF" . (defined $a{error} ? ": $a{error}" : '') };
}

# A policy's text: { has_dmarc, policy, subdomain_policy, pct, rua, ruf, adkim, aspf, reason }
sub md_async_interpret_dmarc {
	my ($raw) = @_;
	my %tag = map { /^\s*+(\w+)\s*+=\s*+(.*\S|)\s*\z/s ? (lc $1 => $2) : () } split /;/, $raw // '';
	return { has_dmarc => 0, reason => 'no DMARC policy', map { $_ => undef } qw(policy subdomain_policy pct rua ruf adkim aspf) }
		unless ($tag{v} // '') eq 'DMARC1' && ($tag{p} // '') =~ /^(?:none|quarantine|reject)\z/i;
	return { has_dmarc => 1, policy => lc $tag{p}, subdomain_policy => lc($tag{sp} // $tag{p}), pct => $tag{pct} // 100, rua => $tag{rua}, ruf => $tag{ruf},
		adkim => $tag{adkim} // 'r', aspf => $tag{aspf} // 'r', reason => 'DMARC policy ' . lc $tag{p} };
}

# What each finding adds to the score.
my %weight = (listed => 4, is_spam => 5, virus => 100, no_rdns => 2, dynamic => 1.5, no_spf => 1);

# interpreted (name => one of the above), weights, reject_at, tempfail_at: { score, action, reasons }. A score from reject_at on rejects;
# where tempfail_at is lower, one between the two is to be tried again.
sub md_async_score_results {
	my (%a) = @_;
	my %weights = (%weight, %{ $a{weights} // {} });
	my ($score, @reasons) = (0);
	for my $name (sort keys %{ $a{interpreted} // {} }) {
		my $found = $a{interpreted}{$name};
		my @bad = grep { $found->{$_} } qw(listed is_spam virus dynamic);
		push @bad, map { exists $found->{"has_$_"} && !$found->{"has_$_"} ? "no_$_" : () } qw(rdns spf);
		next unless @bad;
		# A weight may also be given for a check's name.
		$score += $weights{$name} // (sort { $b <=> $a } map { $weights{$_} } @bad)[0];
		push @reasons, $found->{reason};
	}
	my ($reject, $tempfail) = ($a{reject_at} // 8, $a{tempfail_at} // 12);
	my $action = $score >= $reject ? 'REJECT' : $score >= $tempfail ? 'TEMPFAIL' : 'PASS';
	return { score => $score, action => $action, reasons => \@reasons };
}

1;
