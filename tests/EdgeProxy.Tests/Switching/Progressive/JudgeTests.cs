using EdgeProxy.Slots;
using EdgeProxy.Switching;
using EdgeProxy.Switching.Progressive;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Switching.Progressive;

/// <summary>
/// The judge before simulated traffic, with no clock: how often it is wrong, and how soon it is right. The seeds are fixed, so a run is repeatable.
/// </summary>
public sealed class JudgeTests
{
    /// <summary>A minute at 20 requests a second.</summary>
    private const int Minute = 60 * 20;

    private const int Alike = 1000;

    private const int Worse = 100;

    public static TheoryData<string> Apps => ["even", "two kinds of pages", "a long tail"];

    /// <summary>Three minutes of two versions that are alike: with as many requests for the old one, with four times as many, and against its past.</summary>
    [Theory]
    [MemberData(nameof(Apps))]
    public void Of_alike_versions_less_than_one_in_a_hundred_goes_back(string app)
    {
        var wrong = 0;
        for (var seed = 0; seed < Alike; seed++)
        {
            var random = new Random(seed);
            var share = seed % 2 == 0 ? 1 : 4;
            wrong += Simulate(random, App(app), App(app), errors: 0.03, candidateErrors: 0.03, requests: 3 * Minute, share, past: seed % 3 == 0 ? 2000 : 0)
                is null ? 0 : 1;
        }

        Assert.True(wrong < Alike / 100, $"{wrong} of {Alike} went back");
        Figures.Report($"{wrong} of {Alike} versions that were no worse ({app}) were taken for worse");
    }

    /// <summary>The same for a step of a minute with what waits at each look, and the last one: 2 of 100 requests are long polls of up to half a
    /// minute.</summary>
    [Theory]
    [InlineData(20)]
    [InlineData(0.3)]
    public void Alike_versions_with_requests_that_wait_do_not_go_back(double perSecond)
    {
        var wrong = 0;
        for (var seed = 0; seed < Alike; seed++)
        {
            wrong += SimulateWaiting(new Random(seed), perSecond, isHanging: false) is null ? 0 : 1;
        }

        Assert.True(wrong < Alike / 100, $"{wrong} of {Alike} went back");
        Figures.Report($"{wrong} of {Alike} versions that were no worse (long polls, {perSecond} requests/s) were taken for worse");
    }

    [Theory]
    [InlineData(4, 0, true)]
    [InlineData(4, 4, false)] // the other slot's clients have given up, too
    [InlineData(0, 0, false)] // slow, but responded to: too few to tell
    public void A_few_requests_that_were_given_up_are_not_called_good(int givenUp, int ofOther, bool isBad)
    {
        var slow = Of(4, 0, TimeSpan.FromSeconds(5));
        var other = Of(ofOther, 0, TimeSpan.FromSeconds(5)) with { GivenUp = ofOther };
        var past = Of(500, 0, TimeSpan.FromMilliseconds(20));

        var found = new Judge(new SwitchOptions()).Last(slow with { GivenUp = givenUp }, SlotFigures.None, past, other, isSameTime: false);

        Assert.Equal(isBad, found is { Figure: JudgedFigure.P99, CandidateRequests: 4 });
    }

    [Theory]
    [InlineData(20, 20)]
    [InlineData(0.3, 60)]
    public void A_version_that_responds_to_nothing_goes_back(double perSecond, double within)
    {
        for (var seed = 0; seed < Worse; seed++)
        {
            Assert.InRange(SimulateWaiting(new Random(seed), perSecond, isHanging: true) ?? double.MaxValue, 0, within);
        }
    }

    [Theory]
    [MemberData(nameof(Apps))]
    public void A_doubled_latency_is_found_within_a_minute(string app) =>
        AssertFound(app, "a doubled latency", errors: 0.01, candidateErrors: 0.01, factor: 2, JudgedFigure.P95, JudgedFigure.P99);

    [Theory]
    [InlineData(0)]
    [InlineData(0.01)]
    public void Five_percent_more_errors_are_found_within_a_minute(double errors) =>
        AssertFound("even", $"{errors + 0.05:P0} errors in place of {errors:P0}", errors, errors + 0.05, factor: 1, JudgedFigure.Errors);

    [Fact]
    public void Few_requests_prove_nothing_and_small_differences_are_allowed()
    {
        var options = new SwitchOptions();
        var good = Of(requests: 1000, errors: 0, TimeSpan.FromMilliseconds(50));
        Assert.Null(new Judge(options).Look(Of(19, 19, TimeSpan.FromSeconds(9)), good, isSameTime: true));

        // A million requests make any difference certain: 1.9 percentage points are within MaxErrorIncrease, a factor of 1.3 within MaxLatencyFactor.
        var judge = new Judge(options);
        for (var requests = 1_000_000; requests < 4_000_000; requests *= 2)
        {
            var old = Of(requests, 0, TimeSpan.FromMilliseconds(50));
            Assert.Null(judge.Look(Of(requests, requests * 19 / 1000, TimeSpan.FromMilliseconds(65)), old, isSameTime: true));
        }
    }

    [Fact]
    public void One_bad_look_is_an_accident_and_two_are_a_finding()
    {
        var judge = new Judge(new SwitchOptions());
        var good = Of(1000, 0, TimeSpan.FromMilliseconds(50));

        Assert.Null(judge.Look(Of(100, 30, TimeSpan.FromMilliseconds(50)), good, isSameTime: true));
        Assert.False(judge.IsDue(114));
        Assert.Null(judge.Look(Of(114, 60, TimeSpan.FromMilliseconds(50)), good, isSameTime: true)); // too few more
        var finding = judge.Look(Of(115, 31, TimeSpan.FromMilliseconds(50)), good, isSameTime: true);

        Assert.Equal((JudgedFigure.Errors, 31 / 115d, 115L, 1000L), (finding!.Figure, finding.Candidate, finding.CandidateRequests, finding.ReferenceRequests));
        Assert.True(finding.Chance < Judge.Chance);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Against_the_past_a_difference_has_to_be_larger(bool isSameTime)
    {
        var judge = new Judge(new SwitchOptions());
        Finding? found = null;
        for (var requests = 1000; requests < 4000; requests *= 2)
        {
            found = judge.Look(Of(requests, 0, TimeSpan.FromMilliseconds(70)), Of(1000, 0, TimeSpan.FromMilliseconds(30)), isSameTime);
        }

        Assert.Equal(isSameTime, found is not null);
    }

    /// <summary>Just after a switch on a busy machine all take some milliseconds more, and four are of a page that nobody had asked for before.</summary>
    [Fact]
    public void A_few_slow_pages_among_many_that_are_hardly_slower_are_no_proof()
    {
        var judge = new Judge(new SwitchOptions());
        var before = Of(68, 0, TimeSpan.FromMilliseconds(3));
        for (var requests = 81; requests < 324; requests += 27)
        {
            var now = Of(requests, 0, TimeSpan.FromMilliseconds(9)) + Of(requests / 20, 0, TimeSpan.FromMilliseconds(1500));
            Assert.Null(judge.Look(now, before, isSameTime: false));
        }
    }

    [Fact]
    public void With_a_factor_of_0_latency_is_not_judged()
    {
        var judge = new Judge(new SwitchOptions { MaxLatencyFactor = 0 });
        for (var requests = 100; requests < 10_000; requests *= 2)
        {
            Assert.Null(judge.Look(Of(requests, 0, TimeSpan.FromSeconds(9)), Of(1000, 0, TimeSpan.FromMilliseconds(50)), isSameTime: true));
        }
    }

    /// <summary>Against values of R: <c>fisher.test(matrix(c(a, n-a, b, m-b), 2), alternative = "greater")$p.value</c> for the tea of Fisher's lady, and by
    /// hand.</summary>
    [Theory]
    [InlineData(3, 4, 1, 4, 0.242857142857)]
    [InlineData(4, 4, 0, 4, 0.0142857142857)]
    [InlineData(2, 20, 0, 1000, 0.000365602570763)] // 20*19 / (1020*1019)
    [InlineData(0, 20, 5, 1000, 1)]
    [InlineData(5, 5, 5, 5, 1)]
    public void The_test_is_exact(long marked, long size, long otherMarked, long otherSize, double chance) =>
        Assert.Equal(chance, Significance.OfMore(marked, size, otherMarked, otherSize), chance * 1e-6);

    [Theory]
    [InlineData(0, 0)]
    [InlineData(0.9, 7)]
    [InlineData(1, 8)]
    [InlineData(1.99, 15)]
    [InlineData(2, 16)]
    [InlineData(10_000_000, 175)]
    public void A_latency_has_its_bucket(double milliseconds, int bucket)
    {
        Assert.Equal(bucket, LatencySketch.BucketOf(TimeSpan.FromMilliseconds(milliseconds)));
        for (var ms = 0.2; ms < 60_000; ms *= 1.07)
        {
            var latency = TimeSpan.FromMilliseconds(ms);
            var of = LatencySketch.BucketOf(latency);
            Assert.True(LatencySketch.EndOf(of) > latency && (of == 0 || LatencySketch.EndOf(of - 1) <= latency), $"{latency}");
            Assert.True(ms < 1 || (LatencySketch.EndOf(of) - latency) / latency <= 0.1251, $"{latency} in a bucket up to {LatencySketch.EndOf(of)}");
        }
    }

    private static void AssertFound(string app, string what, double errors, double candidateErrors, double factor, params JudgedFigure[] figures)
    {
        var requests = new List<int>();
        var missed = 0;
        for (var seed = 0; seed < Worse; seed++)
        {
            var random = new Random(seed);
            Func<Random, double> slower = one => App(app)(one) * factor;
            var found = Simulate(random, App(app), slower, errors, candidateErrors, Minute, share: 1, past: seed % 2 == 0 ? 2000 : 0);
            Assert.True(found is null || figures.Contains(found.Value.Finding.Figure), $"seed {seed}: {found}");
            missed += found is null ? 1 : 0;
            requests.Add(found?.After ?? int.MaxValue);
        }

        Assert.True(missed <= Worse / 100, $"{missed} of {Worse} were not found");

        requests.Sort();
        Figures.Report(
            $"{what} ({app}): found in {Worse - missed} of {Worse} within a minute at 20 requests/s, the median after {requests[Worse / 2] / 20d:0.#} s");
    }

    /// <returns>What the judge has found, and after how many requests of the candidate; null: nothing.</returns>
    private static (Finding Finding, int After)? Simulate(
        Random random, Func<Random, double> old, Func<Random, double> candidate, double errors, double candidateErrors, int requests, int share, int past)
    {
        var slots = new SlotsOptions { Blue = new() { Address = "http://127.0.0.1:1" }, Green = new() { Address = "http://127.0.0.1:2" } };
        var pair = new SlotPair(slots, SlotName.Blue);
        var (blue, green) = (pair[SlotName.Blue], pair[SlotName.Green]);
        for (var i = 0; i < past; i++)
        {
            Respond(blue, old, errors);
        }

        var judge = new Judge(new SwitchOptions());
        for (var i = 1; i <= requests; i++)
        {
            Respond(green, candidate, candidateErrors);
            for (var j = 0; past == 0 && j < share; j++)
            {
                Respond(blue, old, errors);
            }

            if (judge.IsDue(i) && judge.Look(green.Figures, blue.Figures, isSameTime: true) is { } finding)
            {
                return (finding, i);
            }
        }

        return null;

        void Respond(Slot slot, Func<Random, double> latency, double ratio) =>
            slot.Record(random.NextDouble() < ratio, TimeSpan.FromMilliseconds(latency(random)));
    }

    /// <summary>A step of a minute against an hour of the past, with a clock.</summary>
    /// <returns>When the candidate went back, in seconds; null: it did not.</returns>
    private static double? SimulateWaiting(Random random, double perSecond, bool isHanging)
    {
        const double Step = 60;
        var judge = new Judge(new SwitchOptions(), TimeSpan.FromSeconds(5));
        var past = new LatencySketch();
        var size = (int)Math.Min(perSecond * 3600, 2000);
        for (var i = 0; i < size; i++)
        {
            past.Add(TimeSpan.FromSeconds(Latency()));
        }

        var reference = new SlotFigures(size, 0, past.Read());
        var requests = new List<(double Begin, double End)>();
        for (var at = -Math.Log(1 - random.NextDouble()) / perSecond; at < Step; at -= Math.Log(1 - random.NextDouble()) / perSecond)
        {
            requests.Add((at, isHanging ? double.MaxValue : at + Latency()));
        }

        for (var now = 5d; now < Step; now += 0.25)
        {
            if (!judge.IsDue(requests.Count(request => request.Begin <= now)) && !judge.IsDue(TimeSpan.FromSeconds(now), waiting: 1))
            {
                continue;
            }

            var (all, _) = At(now);
            if (judge.Look(all, reference, isSameTime: false, TimeSpan.FromSeconds(now)) is not null)
            {
                return now;
            }
        }

        var (last, still) = At(Step);
        return judge.Last(last, still, reference, SlotFigures.None, isSameTime: false) is null ? null : Step;

        double Latency() => random.NextDouble() < 0.02 ? random.NextDouble() * 30 : LogNormal(random, 40, 0.4) / 1000;

        (SlotFigures All, SlotFigures Waiting) At(double now)
        {
            var ended = new LatencySketch();
            var pending = new PendingRequests();
            foreach (var (begin, end) in requests.Where(request => request.Begin <= now))
            {
                if (end > now)
                {
                    pending.Enter(TimeSpan.FromSeconds(begin));
                }
                else
                {
                    ended.Add(TimeSpan.FromSeconds(end - begin));
                }
            }

            var waiting = pending.Read(TimeSpan.FromSeconds(now));
            var counts = ended.Read();
            return (new SlotFigures(counts.Sum(), 0, counts) + waiting, waiting);
        }
    }

    /// <summary>Milliseconds of one request.</summary>
    private static Func<Random, double> App(string app) => app switch
    {
        "even" => random => LogNormal(random, 40, 0.4),
        "two kinds of pages" => random => random.NextDouble() < 0.2 ? LogNormal(random, 400, 0.5) : LogNormal(random, 15, 0.5),
        _ => random => LogNormal(random, 30, 1.2),
    };

    private static double LogNormal(Random random, double median, double sigma) =>
        median * Math.Exp(sigma * Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()));

    private static SlotFigures Of(long requests, long errors, TimeSpan latency)
    {
        var counts = new long[LatencySketch.Buckets];
        counts[LatencySketch.BucketOf(latency)] = requests;
        return new(requests, errors, counts);
    }
}
