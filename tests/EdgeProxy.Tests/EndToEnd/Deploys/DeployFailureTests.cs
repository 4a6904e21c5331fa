using EdgeProxy.Slots;

namespace EdgeProxy.Tests.EndToEnd.Deploys;

/// <summary>Deploys that fail: clients notice nothing, and everything is as it was but for migrations, which are named.</summary>
[Collection(DeployCollection.Name)]
public sealed class DeployFailureTests(SiteWithTwoTrees site)
{
    [Fact]
    public async Task Before_the_migration_everything_is_left_as_it_was()
    {
        Assert.SkipWhen(DeploySite.SkipReason is not null, DeploySite.SkipReason ?? "");
        await site.FillBothSlotsAsync();
        var before = await site.FingerprintAsync();
        var load = MixedLoad.Start(site.Vps.Public, withBodies: false, withSlow: false);
        (string Says, (string, string?)[] Files)[] faults =
        [
            (
                "No matching distribution found for webshop-runner==9.0",
                [("requirements.txt", "webshop-runner==9.0 --hash=sha256:" + new string('0', 64) + "\n")]),
            ("ties the virtual environment", [("requirements.txt", "-r lists/base.txt\n"), ("lists/base.txt", "-e .\n")]),
            ("manage.py check found errors", [await site.ChangedAsync("webshop/urls.py", "urlpatterns = [", "urlpatterns = [nothing, ")]),
            (
                "do not have their uploads and static files in one place",
                [await site.ChangedAsync("webshop/settings.py", "MEDIA_ROOT = BASE_DIR / \"media\"", "MEDIA_ROOT = \"/srv/elsewhere\"")]),
            ("manage.py collectstatic failed", [("shop/static/shop/site.css", "body { background: url('missing.png') }\n")]),
        ];
        foreach (var (says, files) in faults)
        {
            var (branch, _) = await site.PushAsync([.. files, DeploySite.Migration("shop", "0002_never", DeploySite.AddColumn("never"))]);

            var run = await site.DeployAsync(branch);

            Assert.True(run.ExitCode is 1 or 2, $"exit code {run.ExitCode} where it says '{says}': {run.Output}{run.Error}");
            Assert.Contains(says, run.Error, StringComparison.Ordinal);
            Assert.Contains("serves as before", run.Output, StringComparison.Ordinal);
            Assert.Equal(before, await site.FingerprintAsync());
        }

        // A full disk has many faces. (A setting of the environment goes before the file's.)
        await site.ReadAsync("bash", "-c", "mkdir /srv/small && mount -t tmpfs -o size=1m,mode=777 small /srv/small");
        var full = await site.Vps.Lab.RunAsync("env", "DEPLOY_VENVS=/srv/small", DeploySite.Script, "main");
        Assert.Equal(1, full.ExitCode);
        Assert.Matches("the file system of /srv/small is full \\([01] MB free\\)", full.Error);
        Assert.Equal("", await site.ReadAsync("ls", "-A", "/srv/small"));
        Assert.Equal(before, await site.FingerprintAsync());

        Assert.False(await site.IsAppliedAsync("shop", "0002_never"));
        Assert.DoesNotContain(await load.StopAsync(), shot => shot.Failure is not null);
    }

    [Fact]
    public async Task A_migration_that_fails_half_way_is_told_exactly()
    {
        Assert.SkipWhen(DeploySite.SkipReason is not null, DeploySite.SkipReason ?? "");
        await site.FillBothSlotsAsync();
        var before = await site.FingerprintAsync();
        var (path, content) = DeploySite.Migration("shop", "0003_broken", DeploySite.AddColumn("broken"), "migrations.RunPython(fail)");
        var (branch, _) = await site.PushAsync(
            DeploySite.Migration("shop", "0002_half", DeploySite.AddColumn("half")),
            (path, content!.Replace("0001_initial", "0002_half", StringComparison.Ordinal)),
            ("shop/static/shop/site.css", "body { color: grey }\n"));

        var run = await site.DeployAsync(branch);

        Assert.Equal(1, run.ExitCode);
        Assert.Contains("RuntimeError: this migration fails", run.Error, StringComparison.Ordinal);
        Assert.Matches("applied, and still in the database: shop.0002_half\n", run.Output);
        Assert.Equal(before, await site.FingerprintAsync());
        Assert.True(await site.IsAppliedAsync("shop", "0002_half"));
        Assert.False(await site.IsAppliedAsync("shop", "0003_broken"));
        Assert.DoesNotContain("in part", run.Error, StringComparison.Ordinal);
    }

    /// <summary>As every one on MariaDB, which has no transactions for tables: nobody may be told that the database is as before.</summary>
    [Fact]
    public async Task A_migration_that_is_not_taken_back_as_a_whole_is_named()
    {
        Assert.SkipWhen(DeploySite.SkipReason is not null, DeploySite.SkipReason ?? "");
        await site.FillBothSlotsAsync();
        var before = await site.FingerprintAsync();
        var (path, content) = DeploySite.Migration("shop", "0002_torn", DeploySite.AddColumn("torn"), "migrations.RunPython(fail)");
        var (branch, _) = await site.PushAsync((path, content!.Replace("operations =", "atomic = False\n    operations =", StringComparison.Ordinal)));

        var run = await site.DeployAsync(branch, "--allow-destructive");

        Assert.Equal(1, run.ExitCode);
        Assert.Contains("shop.0002_torn may be there in part", run.Error, StringComparison.Ordinal);
        Assert.Contains("manage.py sqlmigrate shop 0002_torn", run.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("the database is as before", run.Output, StringComparison.Ordinal);
        Assert.Equal("1", await site.SqlAsync("SELECT count(*) FROM information_schema.columns WHERE table_name = 'shop_item' AND column_name = 'torn'"));
        Assert.False(await site.IsAppliedAsync("shop", "0002_torn"));
        Assert.Equal(before, await site.FingerprintAsync());
    }

    [Fact]
    public async Task A_version_that_does_not_prove_itself_never_serves()
    {
        Assert.SkipWhen(DeploySite.SkipReason is not null, DeploySite.SkipReason ?? "");
        await site.FillBothSlotsAsync();
        var before = await site.FingerprintAsync();
        var load = MixedLoad.Start(site.Vps.Public, withBodies: false, withSlow: false);
        var (branch, _) = await site.PushAsync(
            await site.ChangedAsync("webshop/wsgi.py", "application = ", "raise RuntimeError('this version does not start')\napplication = "),
            DeploySite.Migration("shop", "0002_early", DeploySite.AddColumn("early")),
            ("shop/static/shop/site.css", "body { color: pink }\n"));

        var run = await site.DeployAsync(branch);

        Assert.Equal(1, run.ExitCode);
        Assert.Contains("Aborted", run.Output, StringComparison.Ordinal);
        Assert.Contains("this version does not start", run.Error, StringComparison.Ordinal);
        Assert.Contains("applied, and still in the database: shop.0002_early", run.Output, StringComparison.Ordinal);
        Assert.Equal(before, await site.FingerprintAsync());
        Assert.DoesNotContain(await load.StopAsync(), shot => shot.Failure is not null);
    }

    /// <summary>What the running version cannot live with is told before anything is migrated, operation by operation.</summary>
    [Fact]
    public async Task Migrations_that_the_running_version_may_not_survive_are_refused()
    {
        Assert.SkipWhen(DeploySite.SkipReason is not null, DeploySite.SkipReason ?? "");
        await site.FillBothSlotsAsync();
        var before = await site.FingerprintAsync();
        var (branch, _) = await site.PushAsync(DeploySite.Migration(
            "shop",
            "0002_all_sorts",
            """migrations.CreateModel("Shelf", [("id", models.BigAutoField(primary_key=True))])""",
            """migrations.AddField("Shelf", "row", models.IntegerField(default=1))""", // nobody knows its table yet
            DeploySite.AddColumn("harmless"),
            """migrations.AlterField("Item", "name", models.CharField(max_length=200))""", // wider
            """migrations.AddField("Item", "stock", models.IntegerField(default=0))""",
            """migrations.AlterField("Item", "name", models.CharField(max_length=20))""",
            """migrations.AlterField("Item", "harmless", models.TextField(default=""))""",
            """migrations.RenameField("Item", "name", "title")""",
            """migrations.RunSQL("SELECT 1")""",
            """migrations.RunPython(migrations.RunPython.noop)""",
            """migrations.SeparateDatabaseAndState(database_operations=[migrations.DeleteModel("Item")])"""));

        var run = await site.DeployAsync(branch);

        Assert.Equal(4, run.ExitCode);
        string[] told = [.. run.Error.Split('\n').Where(line => line.Contains("shop.0002_all_sorts", StringComparison.Ordinal))
            .Select(line => line.Split("shop.0002_all_sorts: ")[1].Split(':')[0])];
        Assert.Equal(
            [
                "Raw Python operation",
                "Add field stock to item",
                "Alter field name on item",
                "Alter field harmless on item",
                "Rename field name on item to title",
                "Raw SQL operation", "Delete model Item",
            ],
            told.Select(line => line.Replace("Item", line.StartsWith("Delete", StringComparison.Ordinal) ? "Item" : "item", StringComparison.Ordinal)));
        Assert.Equal(before, await site.FingerprintAsync());
        Assert.False(await site.IsAppliedAsync("shop", "0002_all_sorts"));
    }

    [Fact]
    public async Task What_is_not_possible_is_refused_before_anything_is_touched()
    {
        Assert.SkipWhen(DeploySite.SkipReason is not null, DeploySite.SkipReason ?? "");
        await site.FillBothSlotsAsync();
        var before = await site.FingerprintAsync();
        var (branch, commit) = await site.PushAsync();
        var lab = site.Vps.Lab;
        var idle = site.TreeOf((await site.Vps.ActiveSlotAsync()).Other());

        await RefusesAsync(2, "which branch, tag or commit?");
        await RefusesAsync(2, "there is no option --now", branch, "--now");
        await RefusesAsync(2, "has no branch, tag or commit 'no-such'; its branches: ", "no-such");
        await RefusesAsync(2, "cannot be the name of a branch", "..");
        await RefusesAsync(2, "there is no such file", branch, "--config", "/nowhere");
        await lab.WriteFileAsync("/etc/edgeproxy/wrong.conf", "REPOSITRY=/srv\nwhat is this\nSHARED_PATHS=../etc\nKEEP_VENVS=none\n");
        await RefusesAsync(2, "wrong.conf:1: there is no setting REPOSITRY", branch, "--config", "/etc/edgeproxy/wrong.conf");
        await RefusesAsync(2, "wrong.conf:2: 'what is this' is not KEY=VALUE", branch, "--config", "/etc/edgeproxy/wrong.conf");
        await RefusesAsync(2, "SHARED_PATHS: '../etc' is not a path inside the tree", branch, "--config", "/etc/edgeproxy/wrong.conf");
        await site.ReadAsync("chmod", "666", "/etc/edgeproxy/wrong.conf");
        await RefusesAsync(2, "others than root can write it", branch, "--config", "/etc/edgeproxy/wrong.conf");
        var user = await lab.RunAsync("runuser", "-u", "deploy", "--", DeploySite.Script, branch);
        Assert.Equal(4, user.ExitCode);
        Assert.Contains("run it with sudo", user.Error, StringComparison.Ordinal);

        await site.ReadAsync("mv", "/srv/origin.git", "/srv/unplugged.git");
        await RefusesAsync(1, "nothing could be fetched from origin", branch);
        await site.ReadAsync("mv", "/srv/unplugged.git", "/srv/origin.git");

        await site.ReadAsync("edgeproxy", "pause");
        await RefusesAsync(4, "the app is paused since", branch);
        await site.ReadAsync("edgeproxy", "resume");
        Assert.Equal(before, await site.FingerprintAsync());

        await site.ReadAsync("bash", "-c", $"echo '# changed in haste' >> '{idle}/manage.py'");
        await RefusesAsync(4, "M manage.py", branch);
        Assert.Contains("would check it out", await site.DeployedAsync(branch, "--discard", "--dry-run"), StringComparison.Ordinal);
        Assert.Contains("changed in haste", await site.ReadAsync("tail", "-n", "1", $"{idle}/manage.py"), StringComparison.Ordinal);
        await site.DeployedAsync(commit, "--discard"); // also by its commit
        Assert.Equal(commit, await site.HeadAsync(await site.Vps.ActiveSlotAsync()));

        async Task RefusesAsync(int code, string why, params string[] arguments)
        {
            var run = await site.DeployAsync(arguments);
            Assert.True(
                run.ExitCode == code && run.Error.Contains(why, StringComparison.Ordinal),
                $"exit code {run.ExitCode}, not {code} with '{why}': {run.Output}{run.Error}");
        }
    }
}
