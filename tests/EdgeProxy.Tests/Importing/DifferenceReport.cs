using System.Text.RegularExpressions;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Importing;

/// <summary>A difference that is meant.</summary>
/// <param name="Requests">Which, as a regular expression on the text of the request.</param>
/// <param name="What">What differs: <c>aspect: theirs | edgeproxy</c>, as a regular expression.</param>
/// <param name="Why">The reason for the difference.</param>
internal sealed record IntendedDifference(string Requests, string What, string Why);

/// <summary>Collects the different responses of two servers.</summary>
internal sealed class DifferenceReport(IReadOnlyList<IntendedDifference> intended)
{
    private readonly HashSet<IntendedDifference> _met = [];
    private readonly List<string> _unexpected = [];
    private int _asked;

    public void Add(string whole, string ask, IEnumerable<string> differences)
    {
        _asked++;
        foreach (var difference in differences)
        {
            if (intended.FirstOrDefault(known => Regex.IsMatch(ask, known.Requests) && Regex.IsMatch(difference, known.What)) is { } reason)
            {
                _met.Add(reason);
            }
            else
            {
                _unexpected.Add($"{whole}: {ask} -- {difference}");
            }
        }
    }

    /// <summary>Fails with all that is not meant, or is meant and not there any more.</summary>
    public void Require(string other, string files)
    {
        Assert.True(_unexpected.Count == 0, $"{other} | edgeproxy:\n{string.Join('\n', _unexpected)}");
        Assert.Empty(intended.Except(_met)); // a difference that is gone leaves the table
        Figures.Report($"{_asked} requests to {files} and to their settings: no difference but the {intended.Count} kinds that are meant");
    }
}
