using EdgeProxy.CaddyImport.Syntax;
using EdgeProxy.Importing;

namespace EdgeProxy.CaddyImport.Sites;

/// <summary>Follows a request through the steps of a site, as Caddy does.</summary>
/// <param name="region">The path that the request is beneath, and no longer path that any matcher names; empty: the rest.</param>
internal sealed class RegionWalk(string region, ImportRemarks remarks)
{
    public string Region => region;

    public string? Directory { get; private set; }

    /// <summary>What is taken off the front of the path.</summary>
    public string Stripped { get; private set; } = "";

    public EncodeStep? Encode { get; private set; }

    /// <summary>A <see cref="FilesStep"/>, a <see cref="ProxyStep"/>, or null: Caddy responds with an empty page.</summary>
    public Step? End { get; private set; }

    public HashSet<Step> Reached { get; } = new(ReferenceEqualityComparer.Instance);

    public List<Statement> CacheHeaders { get; } = [];

    public void Run(IReadOnlyList<Step> steps, bool isSorted)
    {
        var taken = new HashSet<string>();
        foreach (var step in steps.TakeWhile(_ => End is null))
        {
            if (Stripped.Length > 0 && step.Matcher.Conditions.Count > 0)
            {
                remarks.Problem(
                    step.Source.At,
                    $"'{step.Source}' matches what is left of a path whose beginning was taken off, which is not translated; match the whole path in a " +
                        "handle of its own");
            }
            else if (step.Matcher.Takes(region) && (!isSorted || step.Group is null || taken.Add(step.Group)))
            {
                Reached.Add(step);
                Take(step);
            }
        }
    }

    private void Take(Step step)
    {
        switch (step)
        {
            case RootStep root:
                Directory = root.Directory;
                break;
            case StripStep strip:
                Strip(strip);
                break;
            case EncodeStep encode:
                Encode ??= encode;
                break;
            case CacheHeaderStep header:
                CacheHeaders.Add(header.Source);
                break;
            case BlockStep block:
                Run(block.Body, block.IsSorted);
                break;
            case FilesStep files:
                Directory = files.Root ?? Directory;
                End = files;
                break;
            default:
                End = step;
                break;
        }
    }

    /// <summary>A prefix that the path does not begin with is not taken off; one that ends within what is left open would be taken off some paths
    /// only.</summary>
    private void Strip(StripStep strip)
    {
        if (Stripped.Length > 0)
        {
            remarks.Problem(
                strip.Source.At,
                $"'{strip.Source}' takes something off a path a second time, which is not translated; write one handle_path with the whole prefix");
        }
        else if (PathTree.IsWithin(region, strip.Prefix))
        {
            Stripped = strip.Prefix;
        }
        else if (PathTree.IsWithin(strip.Prefix, region))
        {
            remarks.Problem(strip.Source.At, $"'{strip.Source}' is not for all paths here; put it into a handle {strip.Prefix}/* block");
        }
    }
}
