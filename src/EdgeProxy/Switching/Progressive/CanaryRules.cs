using System.Globalization;
using EdgeProxy.Clients;
using EdgeProxy.Configuration;

namespace EdgeProxy.Switching.Progressive;

/// <summary><c>Switch:Canary</c> and <c>Switch:TestClients</c>, and the steps that a switch is asked for.</summary>
internal static class CanaryRules
{
    public const double LeastShare = 0.1;
    public const double MostShare = 99;

    private const int MostSteps = 20;

    public static TimeSpan ShortestStep { get; } = TimeSpan.FromSeconds(1);

    public static TimeSpan LongestStep { get; } = TimeSpan.FromHours(24);

    public static void Check(SettingsScope at, SwitchOptions @switch)
    {
        var steps = @switch.Canary ?? [];
        if (steps.Length > MostSteps)
        {
            at.Error(nameof(@switch.Canary), $"has {steps.Length} steps; at most {MostSteps} are allowed");
        }

        for (var i = 0; i < steps.Length; i++)
        {
            if (WhyNotShare(steps[i].Share, i == 0 ? null : steps[i - 1].Share) is { } problem)
            {
                at.In(nameof(@switch.Canary), i).Error(nameof(CanaryStep.Share), problem);
            }

            at.In(nameof(@switch.Canary), i).Range(nameof(CanaryStep.For), steps[i].For, ShortestStep, LongestStep);
        }

        at.Each(nameof(@switch.TestClients), @switch.TestClients, (scope, key, value) =>
        {
            if (!TrustedProxies.TryParse(value, out var network))
            {
                scope.Error(key, "must be an IP address or a network such as 10.0.0.0/8");
            }
            else if (network.PrefixLength == 0)
            {
                scope.Error(key, "is every address, so any client could choose its slot: name those of the clients that test, such as 10.0.0.0/8");
            }
        });
    }

    /// <summary>What is wrong with steps that somebody asks for; null: nothing.</summary>
    public static string? WhyNot(IReadOnlyList<CanaryStep> steps)
    {
        if (steps.Count > MostSteps)
        {
            return $"A canary has at most {MostSteps} steps.";
        }

        for (var i = 0; i < steps.Count; i++)
        {
            if (WhyNotShare(steps[i].Share, i == 0 ? null : steps[i - 1].Share) is { } problem)
            {
                return $"The share of step {i + 1} of the canary {problem}.";
            }

            if (steps[i].For < ShortestStep || steps[i].For > LongestStep)
            {
                return $"Step {i + 1} of the canary must take from 1 s to 24 h.";
            }
        }

        return null;
    }

    /// <summary>What is wrong with the time of a preview; null: nothing.</summary>
    public static string? WhyNotPreview(TimeSpan? preview) => preview < ShortestStep || preview > LongestStep ? "A preview lasts from 1 s to 24 h." : null;

    private static string? WhyNotShare(double? share, double? before) =>
        share is null ? "is missing: how many of a hundred clients get the candidate"
        : !(share >= LeastShare && share <= MostShare)
            ? string.Create(CultureInfo.InvariantCulture, $"must be a number from {LeastShare} to {MostShare}")
        : share <= before ? string.Create(CultureInfo.InvariantCulture, $"must be more than the {before} of the step before")
        : null;
}
