using System.Globalization;
using System.Text.RegularExpressions;
using EdgeProxy.NginxImport.Syntax;

namespace EdgeProxy.NginxImport;

/// <summary>The setting to write in place of a <c>limit_req</c>. It is not translated: limits here are for all sites, know a client of IPv6 by its /64, refuse
/// with 429 and never delay.</summary>
internal static partial class LimitAdvice
{
    /// <param name="line">The <c>limit_req</c>.</param>
    /// <param name="within">The block that it is in.</param>
    /// <param name="http">The level of all servers, for its zone.</param>
    public static string Of(Directive line, Directive? within, IReadOnlyList<Directive> http)
    {
        const string Say = "limits are for all sites here, refuse with 429 and delay nobody; remove the line, and write";
        var zone = Value(line, "zone");
        var known = http.FirstOrDefault(own => own.Name == "limit_req_zone" && Value(own, "zone")?.Split(':')[0] == zone);
        var rate = known is null ? null : Value(known, "rate");
        if (rate is null || Rate().Match(rate) is not { Success: true } match)
        {
            return $"{Say} RateLimits of the settings";
        }

        var burst = int.TryParse(Value(line, "burst"), NumberStyles.None, CultureInfo.InvariantCulture, out var more) ? more + 1 : 1;
        var path = within is { Name: "location", Arguments: [.., ['/', ..] only] } ? only.TrimEnd('/') : "/PATH";
        var paths = within is not { Name: "location" } || path.Length == 0 ? "" : $"\"Paths\": [\"{path}\"], ";
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{Say} {{ {paths}\"Requests\": {match.Groups["count"].Value}, \"Period\": \"00:0{(match.Groups["unit"].Value == "m" ? "1:00" : "0:01")}\", " +
                $"\"Burst\": {burst} }} into RateLimits of the settings");
    }

    private static string? Value(Directive line, string key) =>
        line.Arguments.FirstOrDefault(argument => argument.StartsWith(key + "=", StringComparison.Ordinal))?[(key.Length + 1)..];

    [GeneratedRegex(@"^(?<count>[0-9]{1,6})r/(?<unit>[sm])\z")]
    private static partial Regex Rate();
}
