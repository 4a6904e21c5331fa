using EdgeProxy.Importing;
using EdgeProxy.NginxImport.Syntax;

namespace EdgeProxy.NginxImport;

/// <summary>Which of the upstreams is the blue/green app.</summary>
internal static class AppChoice
{
    /// <returns>As a slot's address; null: a problem has said why it is not known.</returns>
    public static string? Choose(IReadOnlyList<Directive> http, ImportOptions options, SourceLine file, ImportRemarks remarks)
    {
        var targets = PassesOf(http).Select(pass => (Pass: pass, Target: ProxyTarget.Read(pass, http, remarks)))
            .Where(pass => pass.Target is not null).ToList();
        var candidates = new List<(string Slot, string Name, SourceLine At)>();
        foreach (var (pass, target) in targets)
        {
            if (target!.Slot is { } slot && !candidates.Exists(known => IsSame(known.Slot, slot)))
            {
                candidates.Add((slot, target.Host, pass.At));
            }
        }

        if (targets.Count == 0 && PassesOf(http).Any())
        {
            return null; // of each a problem has said why
        }

        if (options.App is { } named)
        {
            var wanted = named.Contains("://", StringComparison.Ordinal) || named.StartsWith("unix:", StringComparison.Ordinal) ? named : $"http://{named}";
            return candidates.Find(candidate => candidate.Name == named || IsSame(candidate.Slot, wanted)).Slot
                ?? Refuse(file, $"has no proxy_pass to {named} alone (--app); those that it has are {string.Join(", ", candidates.Select(one => one.Slot))}");
        }

        var known = candidates.FindAll(candidate => new[] { options.Blue, options.Green }.Any(slot => slot is not null && IsSame(slot, candidate.Slot)));
        return candidates switch
        {
            [] when targets is [var (pass, target), ..] => Refuse(
                pass.At,
                $"'{pass}' leads to {string.Join(", ", target!.Servers)}; EdgeProxy sends all requests to one slot, the active one, over plain HTTP; leave " +
                    "one server in the upstream (the other slot is what a switch goes to)"),
            [] => Refuse(file, "has no proxy_pass: there is no app to serve, and EdgeProxy is the front door of an app; write one"),
            [var only] => only.Slot,
            _ when known is [var one] => one.Slot,
            _ => Refuse(
                candidates[1].At,
                $"is one of several upstreams, {string.Join(", ", candidates.Select(one => one.Slot))}; say which of them is the blue/green app " +
                    "with --app ADDRESS, the others are forwarded to as they are"),
        };

        string? Refuse(SourceLine at, string message)
        {
            remarks.Problem(at, message);
            return null;
        }
    }

    private static bool IsSame(string one, string other) => one == other || SlotChoice.IsSame(one, other);

    private static IEnumerable<Directive> PassesOf(IReadOnlyList<Directive> block) =>
        block.SelectMany(line => line.Name == "proxy_pass" ? [line] : PassesOf(line.Block ?? []));
}
